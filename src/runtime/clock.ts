import type { Signal } from '../base/signal.ts';
/**
 * The only place where time comes from and where timers are made. Everything else receives a Clock, so that the
 * simulator can give it a virtual one.
 */
export interface Clock {
  /** Wall clock, microseconds since 1970. May jump. */
  nowUs(): number;
  /** Never goes back; milliseconds since an arbitrary moment. */
  monotonicMs(): number;
  /** Calls `fire` once, not before `ms` milliseconds have passed. */
  setTimer(ms: number, fire: () => void): Timer;
  /** Resolves after `ms` milliseconds, or earlier once the signal is aborted; never rejects. */
  sleep(ms: number, signal?: Signal): Promise<void>;
  /** Calls `run` after the input that is waiting now has had its turn: many small inputs then share one piece of work. */
  soon(run: () => void): void;
  /** Resolves after waiting input has had its turn: long work calls it between pieces (rule C3). */
  yieldTurn(): Promise<void>;
}

export interface Timer {
  cancel(): void;
}

/** setTimeout fires at once where it is asked for more: a call with all the time there is would never get an answer. */
const LONGEST_MS = 2 ** 31 - 1;

function setTimer(ms: number, fire: () => void): Timer {
  let left = ms;
  const begin = (): NodeJS.Timeout => setTimeout(next, Math.min(left, LONGEST_MS));
  const next = () => {
    left -= LONGEST_MS;
    if (left > 0) timer = begin();
    else fire();
  };
  let timer = begin();
  return { cancel: () => clearTimeout(timer) };
}

export const systemClock: Clock = {
  nowUs: () => Math.round((performance.timeOrigin + performance.now()) * 1000) + wallClockDriftUs(),
  monotonicMs: () => performance.now(),
  setTimer,
  sleep(ms, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimer(ms, done);
      signal?.addEventListener('abort', done, { once: true });
    });
  },
  soon: (run) => void setImmediate(run),
  yieldTurn: () => new Promise((resolve) => setImmediate(resolve)),
};

/**
 * `performance` has microseconds but does not follow the wall clock when that is set; Date.now follows it but has only
 * milliseconds. The drift between the two is added once it is more than they differ by themselves.
 */
function wallClockDriftUs(): number {
  const drift = Date.now() - (performance.timeOrigin + performance.now());
  return Math.abs(drift) > 5 ? Math.round(drift) * 1000 : 0;
}

/** Calls `tick` every `ms` milliseconds until it is stopped. Ticks missed during a pause are not made up for. */
export function every(clock: Clock, ms: number, tick: () => void): Timer {
  let stopped = false;
  let timer = clock.setTimer(ms, run);
  function run(): void {
    if (stopped) return;
    timer = clock.setTimer(ms, run);
    tick();
  }
  return {
    cancel: () => {
      stopped = true;
      timer.cancel();
    },
  };
}
