import type { Command } from 'commander';
import { systemClock } from '../runtime/clock.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { parseWhole } from './args.ts';
import type { ConnectionFlags, Context } from './context.ts';
import { jsonText } from './json.ts';

/** To the upper left, with everything below removed: the next text takes the place of the last one. */
const AFRESH = '\u001b[H\u001b[2J';

export interface WatchFlags extends ConnectionFlags {
  readonly watch?: string | true;
}

export function addWatchFlag(command: Command): Command {
  return command.option('--watch [SECONDS]', 'ask again every so many seconds (2 where none are given), until Ctrl-C');
}

/** Shows what `ask` tells, once, or as the flag says. */
export async function show(context: Context, flags: WatchFlags, ask: () => Promise<string>): Promise<void> {
  const { watch: interval } = flags;
  const seconds = interval === true ? 2 : interval && Number(parseWhole('--watch', interval, 1n));
  if (seconds) await watch(context, flags, seconds, ask);
  else await context.out.write(await ask());
}

/**
 * Shows what `ask` tells, again and again, until it is interrupted. That the cluster cannot be reached is shown as well:
 * one watches just for that. Without a terminal one text follows the other, each with its time.
 */
async function watch(
  { out, signal }: Context,
  flags: ConnectionFlags,
  seconds: number,
  ask: () => Promise<string>,
): Promise<void> {
  while (!signal.aborted) {
    const time = new Date(systemClock.nowUs() / 1000).toISOString();
    const text = await untilAborted(ask(), signal).catch((error: unknown) => failure(error, flags));
    if (signal.aborted) return;
    const head = flags.json ? '' : `${out.dim(`${time}, every ${seconds} s; Ctrl-C ends it`)}\n`;
    await out.write(`${out.terminal && !flags.json ? AFRESH : ''}${head}${text}`);
    await systemClock.sleep(seconds * 1000, signal);
  }
}

function failure(error: unknown, flags: ConnectionFlags): string {
  const message = error instanceof Error ? error.message : String(error);
  return flags.json ? `${jsonText({ error: { message } })}\n` : `${message}\n`;
}
