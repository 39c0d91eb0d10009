/** One operation on an object; `returnedMs` infinite: nobody knows whether it ever happened. */
export interface Call<Input> {
  readonly input: Input;
  readonly invokedMs: number;
  readonly returnedMs: number;
}

/** What an object does by itself, one operation after another. States are interned: equal ones have the same number. */
export interface SequentialModel<Input> {
  readonly initial: number;
  /** The state after an operation that went as observed; undefined: it cannot have gone so in this state. */
  step(state: number, input: Input): number | undefined;
}

export type Verdict<Input> =
  | { readonly kind: 'linearizable' }
  /** No order explains all of them; the farthest that one came was to before `stuck` returned. */
  | { readonly kind: 'violation'; readonly stuck: Call<Input> }
  | { readonly kind: 'undecided'; readonly steps: number };

/**
 * Looks for an order of the operations that the model explains and that agrees with real time: the search of Wing and
 * Gong, with Lowe's memory of where it has been (the set of operations done and the state they led to). Operations
 * without a return may be left out. Gives up after `stepsMax` steps, for the problem is NP-complete.
 */
export function checkLinearizable<Input>(
  model: SequentialModel<Input>,
  calls: readonly Call<Input>[],
  stepsMax = 5_000_000,
): Verdict<Input> {
  const sorted = [...calls].sort((a, b) => a.invokedMs - b.invokedMs);
  const moments = new Moments(sorted);
  const done = new DoneSet(sorted.length);
  const been = new Set<string>();
  const path: { readonly call: number; readonly state: number }[] = [];
  let open = sorted.filter((call) => call.returnedMs !== Number.POSITIVE_INFINITY).length;
  let state = model.initial;
  let moment = moments.first;
  let farthest: { readonly left: number; readonly call: number } = { left: open + 1, call: -1 };
  for (let steps = 0; open > 0; steps++) {
    if (steps >= stepsMax) return { kind: 'undecided', steps };
    const call = moments.callAt(moment);
    if (!moments.isReturn(moment)) {
      const next = model.step(state, (sorted[call] as Call<Input>).input);
      if (next !== undefined && enter(been, done, call, next)) {
        path.push({ call, state });
        state = next;
        if (moments.take(call)) open--;
        moment = moments.first;
      } else moment = moments.after(moment);
      continue;
    }
    // This operation has returned without having been done: the way here was wrong.
    if (open < farthest.left) farthest = { left: open, call };
    const last = path.pop();
    if (!last) return { kind: 'violation', stuck: sorted[farthest.call] as Call<Input> };
    done.remove(last.call);
    state = last.state;
    if (moments.putBack(last.call)) open++;
    moment = moments.after(moments.invocationOf(last.call));
  }
  return { kind: 'linearizable' };
}

/** Does an operation, unless the search has been there already. */
function enter(been: Set<string>, done: DoneSet, call: number, state: number): boolean {
  done.add(call);
  const key = `${state}/${done.key()}`;
  if (!been.has(key)) {
    been.add(key);
    return true;
  }
  done.remove(call);
  return false;
}

/** Invocations and returns in the order of time, as a list from which an operation can be taken and put back. */
class Moments {
  /** Moment 0 is the beginning of the list; call n is invoked at `invocation[n]` and returns at `return[n]`. */
  private readonly next: number[] = [];
  private readonly previous: number[] = [];
  private readonly call: number[] = [-1];
  private readonly returns: boolean[] = [false];
  private readonly invocation: number[] = [];
  private readonly return: number[] = [];

  constructor(calls: readonly Call<unknown>[]) {
    const moments = calls.flatMap((call, n) => [
      { atMs: call.invokedMs, n, returns: false },
      { atMs: call.returnedMs, n, returns: true },
    ]);
    // At the same moment invocations come first: the two operations then count as concurrent.
    moments.sort((a, b) => a.atMs - b.atMs || Number(a.returns) - Number(b.returns));
    for (const { atMs, n, returns } of moments) {
      if (atMs === Number.POSITIVE_INFINITY) continue;
      (returns ? this.return : this.invocation)[n] = this.call.length;
      this.call.push(n);
      this.returns.push(returns);
    }
    for (let moment = 0; moment < this.call.length; moment++) {
      this.next.push(moment + 1);
      this.previous.push(moment - 1);
    }
  }

  get first(): number {
    return this.next[0] as number;
  }

  after(moment: number): number {
    return this.next[moment] as number;
  }

  callAt(moment: number): number {
    return this.call[moment] as number;
  }

  isReturn(moment: number): boolean {
    return this.returns[moment] as boolean;
  }

  invocationOf(call: number): number {
    return this.invocation[call] as number;
  }

  /** True: the operation has a return. */
  take(call: number): boolean {
    this.unlink(this.invocation[call] as number);
    const back = this.return[call];
    if (back !== undefined) this.unlink(back);
    return back !== undefined;
  }

  /** To be called in the opposite order of `take`. */
  putBack(call: number): boolean {
    const back = this.return[call];
    if (back !== undefined) this.link(back);
    this.link(this.invocation[call] as number);
    return back !== undefined;
  }

  private unlink(moment: number): void {
    const [previous, next] = [this.previous[moment] as number, this.next[moment] as number];
    this.next[previous] = next;
    if (next < this.previous.length) this.previous[next] = previous;
  }

  private link(moment: number): void {
    const [previous, next] = [this.previous[moment] as number, this.next[moment] as number];
    this.next[previous] = moment;
    if (next < this.previous.length) this.previous[next] = moment;
  }
}

/** Which operations are done: nearly all of the early ones and none of the late ones, so only what lies between counts. */
class DoneSet {
  private readonly words: Uint32Array;

  constructor(size: number) {
    this.words = new Uint32Array((size >> 5) + 1);
  }

  add(n: number): void {
    const { words } = this;
    words[n >> 5] = (words[n >> 5] as number) | (1 << (n & 31));
  }

  remove(n: number): void {
    const { words } = this;
    words[n >> 5] = (words[n >> 5] as number) & ~(1 << (n & 31));
  }

  key(): string {
    const { words } = this;
    let from = 0;
    while (words[from] === 0xffff_ffff) from++;
    let to = words.length;
    while (to > from && words[to - 1] === 0) to--;
    return `${from}:${words.subarray(from, to).join()}`;
  }
}
