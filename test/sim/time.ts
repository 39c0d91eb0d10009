/** Something that happens at a moment of virtual time. */
export interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** More events than this at one moment is a loop that never ends. */
const EVENTS_AT_ONCE_MAX = 200_000;
/** More events than this in one run are a storm. */
const EVENTS_MAX = 2_000_000;

/**
 * Virtual time: events in the order of their moments, and at one moment in the order in which they were asked for. Time
 * moves only from event to event. All promises that one event has settled run on before the next one begins.
 */
export class Time {
  nowMs = 0;
  /** How many events there have been. */
  events = 0;
  private order = 0;
  private readonly heap: Event[] = [];
  private atOnce = 0;

  /** Calls `run` after `ms` milliseconds; what is asked for meanwhile at the same moment comes behind it. */
  after(ms: number, run: () => void): Event {
    const event = { atMs: this.nowMs + Math.max(0, ms), order: this.order++, run };
    this.push(event);
    return event;
  }

  /**
   * Lets events happen until `done` or until the time is over; tells whether it was `done` that ended it. Each event has
   * a turn of the event loop of its own: that is when Node runs every promise that is settled, and nothing of this waits
   * for the machine's own clock, disk or network.
   */
  runUntil(endMs: number, done: () => boolean, afterEach: () => void): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        try {
          afterEach();
          if (done()) return resolve(true);
          const next = this.heap[0];
          if (!next || next.atMs > endMs) {
            this.nowMs = Math.max(this.nowMs, endMs);
            return resolve(done());
          }
          this.step();
        } catch (error) {
          return reject(error);
        }
        setImmediate(turn);
      };
      setImmediate(turn);
    });
  }

  private step(): void {
    const event = this.pop();
    this.atOnce = event.atMs > this.nowMs ? 0 : this.atOnce + 1;
    if (this.atOnce > EVENTS_AT_ONCE_MAX) throw new Error(`there is always something to do at ${this.nowMs} ms`);
    this.nowMs = event.atMs;
    const { run } = event;
    if (!run) return;
    if (++this.events > EVENTS_MAX) throw new Error(`${EVENTS_MAX} events, and no end: something goes round`);
    event.run = undefined;
    run();
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!before(event, heap[above] as Event)) break;
      heap[at] = heap[above] as Event;
      at = above;
    }
    heap[at] = event;
  }

  private pop(): Event {
    const { heap } = this;
    const first = heap[0] as Event;
    const last = heap.pop() as Event;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && before(heap[below + 1] as Event, heap[below] as Event)) below++;
      if (!before(heap[below] as Event, last)) break;
      heap[at] = heap[below] as Event;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function before(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
