import { EventEmitter } from 'node:events';

/** The server's side of a stream of a client, as far as it is read or paused; the rest is given. */
export function pausableCall<Rest extends object>(rest: Rest) {
  let paused = false;
  return Object.assign(new EventEmitter(), {
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
    },
    isPaused: () => paused,
    ...rest,
  });
}
