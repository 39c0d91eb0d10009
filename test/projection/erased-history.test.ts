import { describe, expect, test } from 'vitest';
import { type Erasures, wayForward } from '../../src/projection/erased-history.ts';

const nothing: Erasures = { point: 0, erased: 0, begun: false, pending: false, stub: 0 };
const way = (began: number, checkpoint: number, erasures: Partial<Erasures>, opening = false) =>
  wayForward({ began, checkpoint, opening }, { ...nothing, ...erasures });

describe('P1: how a generation goes on behind what was erased', () => {
  test('P1: without a scavenge, or once it has come behind its point, it builds from the log', () => {
    expect(way(10, 0, {}, true)).toEqual({ kind: 'build' });
    expect(way(10, 50, { point: 50, begun: true }, true)).toEqual({ kind: 'build' });
    expect(way(60, 50, { point: 50, begun: true })).toEqual({ kind: 'build' });
  });

  test('P1: one that began before the scavenge has to have a state that came to its point', () => {
    expect(way(10, 49, { point: 50, begun: true })).toEqual({ kind: 'fetch', atLeast: 50 });
    expect(way(10, 0, { point: 50, begun: true }, true)).toEqual({ kind: 'fetch', atLeast: 50 });
  });

  test('P1: as long as this node has erased nothing it goes on, and looks through its log where it was away', () => {
    expect(way(10, 20, { point: 50, pending: true })).toEqual({ kind: 'build' });
    expect(way(10, 20, { point: 50, pending: true }, true)).toEqual({ kind: 'look', point: 50 });
  });

  test('P1: one that meets what others had erased has to have a state from behind it, before it knows the scavenge', () => {
    expect(way(10, 20, { stub: 30 })).toEqual({ kind: 'fetch', atLeast: 30 });
    expect(way(10, 20, { stub: 30, point: 50 })).toEqual({ kind: 'fetch', atLeast: 50 });
    expect(way(10, 30, { stub: 30 })).toEqual({ kind: 'build' });
    expect(way(40, 20, { stub: 30, point: 35 })).toEqual({ kind: 'build' });
  });

  test('P1: one that began behind the point is given what the scavenge leaves: it waits until this node has erased it', () => {
    expect(way(60, 0, { point: 50, pending: true })).toEqual({ kind: 'wait', point: 50 });
    expect(way(60, 0, { point: 50, pending: true, begun: true }, true)).toEqual({ kind: 'wait', point: 50 });
    expect(way(60, 0, { point: 50, begun: true })).toEqual({ kind: 'build' });
  });
});
