import type { SingleBar } from 'cli-progress';
import { systemClock } from '../runtime/clock.ts';
import type { Output } from './io.ts';

/** A bar on standard error, only where a person looks at it and the size of the work is known. */
export class ProgressBar {
  private bar: SingleBar | undefined;
  private value = 0;
  private stopped = false;

  constructor(err: Output, title: string, total: number | undefined) {
    if (!err.terminal || total === undefined || total <= 0) return;
    void this.show(err, title, total);
  }

  /** The bar appears once the work has lasted a moment: a short import needs none. */
  private async show(err: Output, title: string, total: number): Promise<void> {
    await systemClock.sleep(300);
    const { default: progress } = await import('cli-progress');
    if (this.stopped) return;
    const format = `${title} {bar} {percentage}%  {note}`;
    this.bar = new progress.SingleBar(
      { format, stream: err.stream as NodeJS.WriteStream, hideCursor: true, clearOnComplete: true, etaBuffer: 100 },
      progress.Presets.shades_classic,
    );
    this.bar.start(total, this.value, { note: '' });
  }

  update(value: number): void {
    this.value = value;
    this.bar?.update(value);
  }

  note(note: string): void {
    this.bar?.update({ note });
  }

  stop(): void {
    this.stopped = true;
    this.bar?.stop();
  }
}
