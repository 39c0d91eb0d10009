import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { every, systemClock } from '../../runtime/clock.ts';
import { deferred } from '../../runtime/deferred.ts';
import { PROGRAM_LIMITS, type ProgramLimits } from '../program.ts';
import { type Answer, type Request, SIGNS, Sign, type WorkerStart } from './messages.ts';

/** The worker thread of a projection has ended without an answer. */
export class SandboxDied extends Error {
  override readonly name = 'SandboxDied';
}

/** What the worker needs beside the sandbox: the sandbox's memory is not in V8's heap. */
const HEAP_MB = 256;
const STACK_MB = 16;
/** A thread that starts shows no sign of life until the source runs in it, and on a busy machine that takes a while. */
const START_MS_MAX = 20_000;
/** How often the watchdog looks within the time after which it strikes. */
const LOOKS = 4;

/** Threads without a projection that are kept for the next one: to start one takes many times as long as to open one in it. */
const IDLE_MAX = 2;
/** What a projection has taken of memory is not given back before its thread collects garbage, and an idle one never does. */
const IDLE_BYTES_MAX = 32 << 20;

const idle: Sandbox[] = [];

/** A worker thread with a projection in it, and the watchdog that ends it when it gives no sign of life. */
export class Sandbox {
  readonly #worker: Worker;
  readonly #signs: Int32Array<SharedArrayBuffer>;
  #limits = PROGRAM_LIMITS;
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  #ended: SandboxDied | undefined;

  /** Opens a projection, in a thread that is there or in a new one; the answer is `opened` or `refused`. */
  static async start(source: string, limits: ProgramLimits): Promise<{ sandbox: Sandbox; answer: Answer }> {
    const sandbox = idle.pop() ?? new Sandbox();
    sandbox.#worker.ref();
    try {
      return { sandbox, answer: await sandbox.reopen(source, limits) };
    } catch (error) {
      await sandbox.close();
      throw error;
    }
  }

  private constructor() {
    const signs = new SharedArrayBuffer(SIGNS * Int32Array.BYTES_PER_ELEMENT);
    this.#signs = new Int32Array(signs);
    this.#worker = startWorker({ signs });
    this.#worker.on('message', (answer: Answer) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.resolve(answer);
    });
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error.message : String(error)));
    this.#worker.on('exit', () => this.#end('its thread has ended'));
  }

  /** Whether it cannot be asked any more. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** How much memory its projection has taken. */
  get memoryBytes(): number {
    return this.#ended ? 0 : Atomics.load(this.#signs, Sign.memoryKiB) * 1024;
  }

  /** Opens a projection in place of what it held; the answer is `opened` or `refused`. */
  reopen(source: string, limits: ProgramLimits): Promise<Answer> {
    this.#limits = limits;
    return this.ask({ kind: 'open', source, limits }, Math.max(limits.stuckMsMax, START_MS_MAX));
  }

  /** One at a time. Ends in SandboxDied where the worker does. */
  ask(request: Request, stuckMsMax = this.#limits.stuckMsMax): Promise<Answer> {
    const answer = this.#answer(stuckMsMax);
    if (!this.#ended) {
      const transfer = request.kind === 'batch' ? [request.events.bytes.buffer, request.events.numbers.buffer] : [];
      this.#worker.postMessage(request, transfer);
    }
    return answer;
  }

  /** Lets go of its projection, and keeps the thread for another one, where it is sound. */
  async release(): Promise<void> {
    if (this.#ended || this.#waiting || idle.length >= IDLE_MAX) return this.close();
    if (this.memoryBytes > IDLE_BYTES_MAX) return this.close();
    try {
      await this.ask({ kind: 'close' });
      if (idle.length >= IDLE_MAX) return this.close();
      // It must not keep a process alive that has nothing else to do.
      this.#worker.unref();
      idle.push(this);
    } catch {
      await this.close();
    }
  }

  async close(): Promise<void> {
    this.#end('it was closed');
    await this.#worker.terminate();
  }

  #answer(stuckMsMax: number): Promise<Answer> {
    if (this.#ended) return Promise.reject(this.#ended);
    const { promise, resolve, reject } = deferred<Answer>();
    this.#waiting = { resolve, reject };
    const watchdog = this.#watch(stuckMsMax);
    return promise.finally(() => watchdog.cancel());
  }

  /** Looks at intervals, each of which counts once, however late it comes: a pause of the process is not the worker's fault. */
  #watch(stuckMsMax: number) {
    let seen = -1;
    let silent = 0;
    return every(systemClock, stuckMsMax / LOOKS, () => {
      const now = Atomics.load(this.#signs, Sign.alive);
      silent = now === seen ? silent + 1 : 0;
      seen = now;
      if (silent < LOOKS) return;
      this.#end(`gave no sign of life for ${stuckMsMax} ms`);
      void this.#worker.terminate();
    });
  }

  #end(why: string): void {
    if (this.#ended) return;
    this.#ended = new SandboxDied(why);
    if (idle.includes(this)) idle.splice(idle.indexOf(this), 1);
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
  }
}

function startWorker(workerData: WorkerStart): Worker {
  const resourceLimits = { maxOldGenerationSizeMb: HEAP_MB, stackSizeMb: STACK_MB };
  if (import.meta.url.endsWith('.js')) {
    return new Worker(new URL('./worker.js', import.meta.url), { workerData, resourceLimits });
  }
  // Tests and benchmarks run the sources, and a worker does not inherit how those are loaded.
  const file = fileURLToPath(new URL('./worker.ts', import.meta.url));
  const load = `require('tsx/cjs/api').register(); require(${JSON.stringify(file)});`;
  return new Worker(load, { eval: true, execArgv: [], workerData, resourceLimits });
}
