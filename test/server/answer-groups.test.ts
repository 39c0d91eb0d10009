import { describe, expect, it } from 'vitest';
import { AnswerGroups } from '../../src/server/answer-groups.ts';

/** Turns of an event loop, one at a time. */
class Turns {
  private next: (() => void)[] = [];

  readonly soon = (run: () => void): void => void this.next.push(run);

  get waiting(): boolean {
    return this.next.length > 0;
  }

  async turn(): Promise<void> {
    const now = this.next;
    this.next = [];
    for (const run of now) run();
    await Promise.resolve();
  }
}

describe('answers that become known at once', () => {
  it('leave in groups of 16, in order, and none is left behind', async () => {
    const turns = new Turns();
    const groups = new AnswerGroups(turns);
    const left: number[] = [];
    const sizes: number[] = [];
    for (let n = 0; n < 40; n++) {
      const wait = groups.turn();
      if (wait) void wait.then(() => left.push(n));
      else left.push(n);
    }
    sizes.push(left.length);
    while (turns.waiting) {
      await turns.turn();
      sizes.push(left.length);
    }
    expect(sizes).toEqual([16, 32, 40, 40]);
    expect(left).toEqual(Array.from({ length: 40 }, (_, n) => n));
  });

  it('do not wait where they come one by one', async () => {
    const turns = new Turns();
    const groups = new AnswerGroups(turns);
    for (let n = 0; n < 40; n++) {
      expect(groups.turn()).toBeUndefined();
      await turns.turn();
    }
  });

  it('do not pass those that wait already', async () => {
    const turns = new Turns();
    const groups = new AnswerGroups(turns);
    const left: string[] = [];
    for (let n = 0; n < 32; n++) void groups.turn()?.then(() => left.push('early'));
    await turns.turn();
    expect(left).toHaveLength(16);
    void groups.turn()?.then(() => left.push('late'));
    expect(left).not.toContain('late');
    await turns.turn();
    expect(left.at(-1)).toBe('late');
  });
});
