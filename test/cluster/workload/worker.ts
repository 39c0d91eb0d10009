import type { Prng } from '../../../src/base/prng.ts';
import { type FactstoreClient, FactstoreError } from '../../../src/client/index.ts';
import type { AppendOutcome, Expected } from '../history.ts';
import { type Append, append, newEvent, toAppended, toRefused, type Write } from './appends.ts';
import { read } from './reads.ts';
import type { Recorder } from './recorder.ts';
import type { Streams } from './streams.ts';

export interface WorkerOptions {
  readonly name: string;
  readonly client: { readonly name: string; readonly sdk: FactstoreClient };
  readonly recorder: Recorder;
  readonly random: Prng;
  readonly streams: Streams;
  /** A stream that this worker alone appends to under a producer cursor, and that is followed. */
  readonly own: string;
}

const REMEMBERED_MAX = 40;
const PAUSE_MS_MAX = 25;

/** Asks the cluster one thing after another, as an application does, in the order that its numbers give. */
export class Worker {
  private readonly options: WorkerOptions;
  /** Appends that may be repeated. */
  private readonly remembered: Append[] = [];
  private cursor = 0n;
  /** An append under the cursor whose fate is open: nothing else can come before it. */
  private openUnderCursor: Append | undefined;
  private stopped = false;
  private known = 0;

  constructor(options: WorkerOptions) {
    this.options = options;
  }

  stop(): void {
    this.stopped = true;
  }

  async run(): Promise<void> {
    const { random } = this.options;
    while (!this.stopped) {
      await this.next();
      await new Promise((resolve) => setTimeout(resolve, random.between(0, PAUSE_MS_MAX)));
    }
  }

  private next(): Promise<unknown> {
    const draw = this.options.random.between(0, 100);
    if (draw < 28) return this.appendToOne();
    if (draw < 38) return this.appendToSeveral();
    if (draw < 44) return this.repeat();
    if (draw < 50) return this.appendUnderCursor();
    if (draw < 56) return this.update();
    if (draw < 78) return this.readStream();
    if (draw < 90) return this.readAll();
    return this.readHead();
  }

  private appendToOne(): Promise<AppendOutcome> {
    const stream = this.options.streams.any();
    return this.append({ appendId: this.uuid(), writes: [this.write(stream)] });
  }

  /** Some of them are only checked. */
  private appendToSeveral(): Promise<AppendOutcome> {
    const { random, streams } = this.options;
    const [first = '', ...others] = streams.several(random.between(2, 5));
    const writes = others.map((stream) =>
      random.between(0, 3) === 0 ? { ...this.write(stream), events: [] } : this.write(stream),
    );
    return this.append({ appendId: this.uuid(), writes: [this.write(first), ...writes] });
  }

  private async repeat(): Promise<void> {
    const { random } = this.options;
    const again = this.remembered[random.between(0, REMEMBERED_MAX)];
    if (again) await this.append(again);
  }

  private async appendUnderCursor(): Promise<void> {
    const { own } = this.options;
    const next = this.openUnderCursor ?? {
      appendId: this.uuid(),
      writes: [{ stream: own, expect: 'any' as const, events: this.newEvents() }],
      producer: { producer: own, previous: this.cursor, current: this.cursor + 1n },
    };
    const outcome = await this.append(next, false);
    // That a repeat was refused says nothing of the attempts before it.
    const settled = outcome.kind === 'appended' || (outcome.kind === 'refused' && this.openUnderCursor === undefined);
    this.openUnderCursor = settled ? undefined : next;
    if (outcome.kind === 'appended') this.cursor++;
  }

  /** Each decision is an append of its own; all but the last one met a conflict. */
  private async update(): Promise<void> {
    const { client, recorder, streams } = this.options;
    const stream = streams.any();
    const decisions: { readonly write: Write; readonly atMs: number }[] = [];
    const outcome = await client.sdk
      .update(
        stream,
        (_, { revision }) => {
          const events = this.newEvents();
          const expect: Expected = revision < 0n ? 'none' : Number(revision);
          decisions.push({ write: { stream, expect, events }, atMs: recorder.nowMs() });
          return events.map(newEvent);
        },
        { timeoutMs: this.timeoutMs() },
      )
      .then(
        (result) => (result ? toAppended(result) : undefined),
        (error: unknown) => this.ofUpdate(error),
      );
    const returnedMs = recorder.nowMs();
    for (const [n, { write, atMs }] of decisions.entries()) {
      const last = n === decisions.length - 1;
      recorder.operations.push({
        kind: 'append',
        client: client.name,
        invokedMs: atMs,
        returnedMs: decisions[n + 1]?.atMs ?? returnedMs,
        appendId: this.uuid(),
        writes: [write],
        outcome: last && outcome ? outcome : { kind: 'conflict' },
      });
    }
    if (outcome) this.learn(decisions.at(-1)?.write, outcome);
  }

  /** The error of the last decision; its conflict was told to `update` in detail, but counts the earlier ones too. */
  private ofUpdate(error: unknown): AppendOutcome {
    if (error instanceof FactstoreError && error.code === 'CONFLICT') return { kind: 'conflict' };
    return toRefused(error, this.options.recorder);
  }

  private async readStream(): Promise<void> {
    const { random, streams } = this.options;
    const stream = streams.any();
    const head = streams.head(stream);
    const how = random.between(0, 4);
    const place =
      how === 0 && head > 0
        ? { from: random.between(0, head + 1), backwards: random.between(0, 2) === 0 }
        : { backwards: how < 3 };
    const limit = how === 3 ? {} : { limit: random.between(1, 40) };
    const outcome = await this.read({ stream, ...place, ...limit });
    if (outcome.kind === 'read' && outcome.revision !== undefined) streams.saw(stream, outcome.revision);
  }

  private async readAll(): Promise<void> {
    const { random } = this.options;
    const from = this.known > 0 ? { from: random.between(Math.max(1, this.known - 200), this.known + 1) } : {};
    await this.read({ ...from, backwards: random.between(0, 3) === 0, limit: random.between(1, 60) });
  }

  private readHead(): Promise<unknown> {
    return this.read({ backwards: false, limit: 0 });
  }

  private async read(question: { stream?: string; from?: number; backwards: boolean; limit?: number }) {
    const { recorder, client, random } = this.options;
    const draw = random.between(0, 10);
    const level = draw < 6 ? 'linearizable' : draw < 8 ? 'local' : this.known;
    const outcome = await read(recorder, client, { ...question, level }, this.timeoutMs());
    if (outcome.kind === 'read') this.known = Math.max(this.known, outcome.head);
    return outcome;
  }

  private async append(what: Append, remember = true): Promise<AppendOutcome> {
    const { recorder, client, random } = this.options;
    // Now and then the caller loses patience at once.
    const signal = random.between(0, 25) === 0 ? AbortSignal.timeout(random.between(0, 30)) : undefined;
    const outcome = await append(recorder, client, what, { timeoutMs: this.timeoutMs(), signal });
    if (remember && (outcome.kind === 'appended' || outcome.kind === 'unknown'))
      this.remembered[random.between(0, REMEMBERED_MAX)] = what;
    this.learn(
      what.writes.find(({ events }) => events.length > 0),
      outcome,
    );
    return outcome;
  }

  private learn(write: Write | undefined, outcome: AppendOutcome): void {
    const { streams } = this.options;
    if (outcome.kind === 'appended') {
      this.known = Math.max(this.known, outcome.position);
      if (write) streams.saw(write.stream, outcome.revisions[0] ?? -1);
    }
    if (outcome.kind === 'conflict')
      for (const check of outcome.judged?.checks ?? []) streams.saw(check.stream, check.revision);
  }

  private write(stream: string): Write {
    const { random, streams } = this.options;
    const head = streams.head(stream);
    const draw = random.between(0, 100);
    let expect: Expected = 'any';
    if (draw < 45) expect = head < 0 ? 'none' : head;
    else if (draw < 55) expect = 'exists';
    else if (draw < 60) expect = 'none';
    // One that may come true while the append is on its way.
    else if (draw < 65) expect = head + random.between(1, 4);
    return { stream, expect, events: this.newEvents() };
  }

  private newEvents(): number[] {
    const { random, recorder } = this.options;
    const draw = random.between(0, 20);
    const count = draw === 0 ? random.between(20, 60) : draw < 5 ? random.between(2, 6) : 1;
    return Array.from({ length: count }, () => recorder.newEvent());
  }

  /** Mostly enough for an election, now and then not. */
  private timeoutMs(): number {
    const { random } = this.options;
    return random.between(0, 6) === 0 ? random.between(50, 1_500) : random.between(3_000, 10_000);
  }

  private uuid(): string {
    const { random } = this.options;
    const hex = Array.from({ length: 4 }, () => random.next().toString(16).padStart(8, '0')).join('');
    const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)];
    return parts.join('-');
  }
}
