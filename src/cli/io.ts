import type { Readable, Writable } from 'node:stream';
import type { Environment } from '../config/load.ts';
import { systemClock } from '../runtime/clock.ts';
import { FileOutput } from './file-output.ts';

/** What a command has of the process around it; tests give their own. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Environment;
  /** Aborted by Ctrl-C and by SIGTERM. */
  readonly signal: AbortSignal;
}

const PENDING_MAX = 64 << 10;

/** Writes texts to a stream at the pace of whoever reads it. */
export class Output {
  /** Whether a person looks at it. */
  readonly terminal: boolean;
  readonly colour: boolean;
  readonly stream: Writable;
  private pending = '';
  private gone = false;
  private failed: Error | undefined;
  private readonly onGone: () => void;

  /** `onGone` is called once when nobody reads any more (`| head`). */
  constructor(stream: Writable, env: Environment, onGone: () => void) {
    this.stream = stream;
    this.terminal = (stream as { isTTY?: boolean }).isTTY === true;
    this.colour = this.terminal && !env.NO_COLOR && env.TERM !== 'dumb';
    this.onGone = onGone;
    stream.on('error', (error: NodeJS.ErrnoException) => this.fail(error));
  }

  /** True: nobody reads any more. */
  get closed(): boolean {
    return this.gone;
  }

  /** Why writing failed, where it was for another reason than a reader that has left. */
  get failure(): Error | undefined {
    return this.failed;
  }

  get columns(): number {
    return (this.stream as { columns?: number }).columns ?? 80;
  }

  /**
   * Writes; resolves once there is room for more, or nobody reads any more. What is written within one turn goes out
   * together: a call of the operating system for each line would cost more than the lines.
   */
  async write(text: string): Promise<void> {
    if (this.gone) return;
    if (this.pending === '') void systemClock.yieldTurn().then(() => this.send());
    this.pending += text;
    if (this.pending.length >= PENDING_MAX) await this.send();
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }

  private async send(): Promise<void> {
    const text = this.pending;
    this.pending = '';
    if (this.gone || text === '' || this.stream.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const event of ['drain', 'error', 'close']) this.stream.off(event, done);
        resolve();
      };
      for (const event of ['drain', 'error', 'close']) this.stream.on(event, done);
    });
  }

  /** Resolves once everything has been handed to the operating system. */
  async flush(): Promise<void> {
    await this.send();
    if (this.gone) return;
    await new Promise<void>((resolve) => this.stream.write('', () => resolve()));
  }

  /** Resolves once everything is on the disk, where it is written to a file. */
  async sync(): Promise<void> {
    await this.flush();
    if (this.gone || !(this.stream instanceof FileOutput)) return;
    try {
      this.stream.sync();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private fail(error: NodeJS.ErrnoException): void {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') this.failed ??= error;
    if (this.gone) return;
    this.gone = true;
    this.onGone();
  }

  /** Grey, where colours are shown: for what is not the point of a line. */
  dim(text: string): string {
    return this.colour ? `\u001b[2m${text}\u001b[22m` : text;
  }

  bold(text: string): string {
    return this.colour ? `\u001b[1m${text}\u001b[22m` : text;
  }

  red(text: string): string {
    return this.colour ? `\u001b[31m${text}\u001b[39m` : text;
  }

  cyan(text: string): string {
    return this.colour ? `\u001b[36m${text}\u001b[39m` : text;
  }
}
