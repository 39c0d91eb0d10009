import type { FactstoreClient, NewEvent } from '../../src/client/index.ts';
import type { Payloads } from '../support/payload.ts';

const BATCHES_IN_FLIGHT = 32;
const SINGLES_IN_FLIGHT = 256;

/** What to write, and how it is cut. */
export interface Filling {
  readonly events: number;
  readonly perAppend: number;
  /** Of the append that begins with event n. */
  stream(n: number): string;
  event(n: number): NewEvent;
}

/** Positions that a filling took: they have no gaps. */
export interface Section {
  readonly from: bigint;
  readonly events: number;
}

/** Appends events, many appends at a time; ends in an error where the head does not count them all. */
export async function fill(client: FactstoreClient, { events, perAppend, stream, event }: Filling): Promise<Section> {
  const from = (await client.head()) + 1n;
  let next = 0;
  const writer = async () => {
    while (next < events) {
      const first = next;
      next = Math.min(events, next + perAppend);
      await client.append(
        stream(first),
        Array.from({ length: next - first }, (_, i) => event(first + i)),
      );
    }
  };
  const writers = perAppend === 1 ? SINGLES_IN_FLIGHT : BATCHES_IN_FLIGHT;
  await Promise.all(Array.from({ length: writers }, writer));
  const count = Number((await client.head()) + 1n - from);
  if (count !== events) throw new Error(`${events} events were appended, and the head counts ${count}`);
  return { from, events };
}

/** An event as the loads append them, of one of ten types; one of a hundred has a tag. */
export function plainEvent(payloads: Payloads): (n: number) => NewEvent {
  return (n) => {
    const event = { type: `Type${n % 10}`, data: payloads.payload().data };
    return n % 100 === 0 ? { ...event, tags: ['marked'] } : event;
  };
}
