import { readFileSync } from 'node:fs';
import type { QuickJSContext, QuickJSHandle, QuickJSRuntime } from 'quickjs-emscripten-core';
import { systemClock } from '../../runtime/clock.ts';
import { threadCpuMs } from '../../runtime/thread-time.ts';
import type { ProgramLimits } from '../program.ts';
import type { Failure } from './messages.ts';
import { loadQuickJs, watchRefusals } from './quickjs.ts';

/** The name under which the source's places stand in stack traces. */
const SOURCE_NAME = 'projection';
/** More than this must not count between two looks at the clock: the process was paused, or others had its core. */
const PAUSE_MS = 50;
/** Below what the thread's own stack bears: see the worker's `stackSizeMb`. */
const STACK_BYTES_MAX = 1 << 20;

/** When a batch has taken so much more memory, it ends early. */
const GROWTH_BYTES_MAX = 16 << 20;

/** A call into the sandbox that did not end well. */
export class SandboxFailure extends Error {
  override readonly name = 'SandboxFailure';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** An error as it stands in the sandbox. */
export interface ThrownInside {
  readonly at: number;
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** QuickJS with the projection language and one source: calls of its functions with texts, under limits. */
export class Machine {
  readonly #limits: ProgramLimits;
  readonly #alive: () => void;
  readonly #memory: WebAssembly.Memory;
  readonly #context: QuickJSContext;
  readonly #language: QuickJSHandle;
  readonly #progress: QuickJSHandle;
  readonly #functions = new Map<string, QuickJSHandle>();
  /** What runs since when, and how long it has run. */
  #at = Number.NaN;
  #seenMs = 0;
  #spentMs = 0;
  /** What this thread had had of a core when the event had run for a tenth of its time. */
  #cpuMs: number | undefined;
  /** The first limit that was met within the call under way. */
  #limitMet: Failure | undefined;
  /** How much memory there was when states were settled last. */
  #settledBytes: number;

  static async start(limits: ProgramLimits, alive: () => void): Promise<Machine> {
    const { quickJs, memory } = await loadQuickJs(limits.memoryBytesMax);
    return new Machine(quickJs.newRuntime(), memory, limits, alive);
  }

  private constructor(runtime: QuickJSRuntime, memory: WebAssembly.Memory, limits: ProgramLimits, alive: () => void) {
    this.#limits = limits;
    this.#alive = alive;
    this.#memory = memory;
    this.#settledBytes = this.memoryBytes;
    runtime.setMaxStackSize(STACK_BYTES_MAX);
    runtime.setModuleLoader(languageText, (_from, name) => name.replace(/^\.\//, ''));
    this.#context = runtime.newContext();
    this.#language = this.#context.unwrapResult(
      this.#context.evalCode(languageText('main.js'), 'main.js', { type: 'module' }),
    );
    this.#progress = this.#context.getProp(this.#language, 'progress');
    runtime.setInterruptHandler(() => this.#isOverTime());
    watchRefusals(memory, () => {
      this.#limitMet ??= this.#memoryFailure();
    });
    this.#watchGrowth();
  }

  /** It never shrinks. */
  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Whether a batch has taken so much memory since states were settled that they are to be settled before it goes on. */
  get hasGrown(): boolean {
    return this.memoryBytes - this.#settledBytes > GROWTH_BYTES_MAX;
  }

  /** States are to be settled before so much more is taken for them: one that is too large is met soon. */
  settled(): void {
    this.#settledBytes = this.memoryBytes;
  }

  /** Runs the source's top level. Strict, so that a forgotten declaration is an error and no global. */
  load(source: string): void {
    this.#limited(() => {
      const result = this.#context.evalCode(source, SOURCE_NAME, { strict: true });
      if (result.error) throw this.#failureOf(result.error);
      result.value.dispose();
    });
  }

  /** Calls a function of language/main.js, which gives a text. */
  call(name: string, ...values: readonly (string | ArrayBuffer)[]): string {
    return this.#limited(() => {
      let fn = this.#functions.get(name);
      if (!fn) {
        fn = this.#context.getProp(this.#language, name);
        this.#functions.set(name, fn);
      }
      const args = values.map((value) =>
        typeof value === 'string' ? this.#context.newString(value) : this.#context.newArrayBuffer(value),
      );
      const result = this.#context.callFunction(fn, this.#context.undefined, ...args);
      for (const arg of args) arg.dispose();
      if (result.error) throw this.#failureOf(result.error);
      const text = this.#context.getString(result.value);
      result.value.dispose();
      return text;
    });
  }

  /**
   * A limit that was met counts whatever became of the call: a promise takes the interrupt for its own failure, a handler
   * may catch that there is no memory, and either would go on with what another node does not come to.
   */
  #limited<T>(run: () => T): T {
    this.#at = Number.NaN;
    this.#limitMet = undefined;
    try {
      const result = run();
      if (!this.#limitMet) return result;
    } catch (error) {
      if (!this.#limitMet) throw error;
    }
    throw new SandboxFailure(this.#limitMet);
  }

  /** What an error that the sandbox has caught by itself amounts to. */
  failureOf({ at, name, message, stack }: ThrownInside): Failure {
    if (name === 'InternalError' && message === 'out of memory') return this.#memoryFailure();
    const [, line, column] = new RegExp(`\\b${SOURCE_NAME}:(\\d+):(\\d+)`).exec(stack) ?? [];
    const place = line === undefined ? {} : { line: Number(line), column: Number(column) };
    return { kind: 'threw', message: name === '' || name === 'Error' ? message : `${name}: ${message}`, at, ...place };
  }

  #failureOf(error: QuickJSHandle): SandboxFailure {
    const at = this.#progressAt();
    let thrown: Partial<ThrownInside> | null = null;
    try {
      thrown = this.#context.dump(error);
      error.dispose();
    } catch {
      // There was no memory left to tell of it.
    }
    if (thrown === null) return new SandboxFailure(this.#memoryFailure());
    if (typeof thrown !== 'object') thrown = { message: `threw ${String(thrown)}` };
    const { name = '', message = '', stack = '' } = thrown;
    return new SandboxFailure(this.failureOf({ at, name, message, stack }));
  }

  #timeFailure(at: number): Failure {
    return { kind: 'timeLimit', message: `ran for more than ${this.#limits.eventTimeMsMax} ms: that is the limit`, at };
  }

  /** At which event it was is not known: QuickJS cannot be asked in the midst of taking memory, and may go on behind it. */
  #memoryFailure(): Failure {
    const mib = Math.round(this.#limits.memoryBytesMax / (1 << 20));
    return { kind: 'memoryLimit', message: `needs more than ${mib} MiB of memory: that is the limit`, at: 0 };
  }

  /** Gives the language a function that tells whether a batch has grown large. */
  #watchGrowth(): void {
    const context = this.#context;
    const grown = context.newFunction('grown', () => (this.hasGrown ? context.true : context.false));
    const watch = context.getProp(this.#language, 'watchGrowth');
    context.unwrapResult(context.callFunction(watch, context.undefined, grown)).dispose();
    watch.dispose();
    grown.dispose();
  }

  /** QuickJS asks it every few thousand steps. Each event has the whole time for itself. */
  #isOverTime(): boolean {
    this.#alive();
    if (this.#limitMet) return true;
    const now = systemClock.monotonicMs();
    const at = this.#progressAt();
    if (at === this.#at) this.#spentMs += Math.min(now - this.#seenMs, PAUSE_MS);
    else {
      this.#at = at;
      this.#spentMs = 0;
    }
    this.#seenMs = now;
    if (!this.#hasRunFor(this.#limits.eventTimeMsMax)) return false;
    this.#limitMet = this.#timeFailure(at);
    return true;
  }

  /** A thread that waits for a core does not run: where the system tells how long it had one, that counts. */
  #hasRunFor(ms: number): boolean {
    const uncounted = ms / 10;
    if (this.#spentMs <= uncounted) {
      this.#cpuMs = undefined;
      return false;
    }
    this.#cpuMs ??= threadCpuMs();
    if (this.#spentMs <= ms) return false;
    const cpuMs = threadCpuMs();
    if (cpuMs === undefined || this.#cpuMs === undefined) return true;
    this.#spentMs = uncounted + cpuMs - this.#cpuMs;
    return this.#spentMs > ms;
  }

  #progressAt(): number {
    const handle = this.#context.getProp(this.#progress, 'at');
    const at = this.#context.getNumber(handle);
    handle.dispose();
    return at;
  }
}

function languageText(name: string): string {
  return readFileSync(new URL(`./language/${name}`, import.meta.url), 'utf8');
}
