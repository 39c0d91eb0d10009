import type { Command } from 'commander';
import { FactstoreError } from '../base/errors.ts';
import { type Context, examples, subcommand } from './context.ts';
import { jsonText } from './json.ts';
import { ProgressBar } from './progress.ts';

interface Flags {
  readonly json?: boolean;
}

export function addVerify(program: Command, context: Context): void {
  const command = subcommand(
    program,
    'verify <DIRECTORY>',
    'check the data directory of a stopped node, end to end',
  ).action((directory: string, flags: Flags) => verify(context, directory, flags));
  examples(command, 'factstore verify data', 'factstore verify /var/lib/factstore --json');
}

async function verify({ out, err, signal }: Context, directory: string, flags: Flags): Promise<void> {
  const { verifyDirectory } = await import('../ops/verify.ts');
  let bar: ProgressBar | undefined;
  const onProgress = (checked: number, of: number) => {
    bar ??= new ProgressBar(err, 'verify', of);
    bar.update(checked);
  };
  const report = await verifyDirectory(directory, onProgress, signal).finally(() => bar?.stop());
  const { damages, ...figures } = report;
  if (flags.json) await out.line(jsonText({ ...figures, damages }));
  else {
    await out.line(`${directory}: node ${report.nodeId || 'unknown'}, cluster ${report.clusterId || 'none yet'}`);
    await out.line(`${report.entries} entries of ${report.bytes} bytes and ${report.indexRows} index rows checked`);
    for (const damage of damages) await out.line(`${out.red('damaged')} ${damage}`);
    if (damages.length === 0) await out.line('nothing is damaged');
  }
  if (damages.length === 0) return;
  const text = `${directory} is damaged, see above. A node of a cluster mends its log itself when it is started, unless it may have forgotten a promise; then move the directory away and let the node join again`;
  throw new FactstoreError('DATA_LOSS', text, { path: directory, damages: damages.length });
}
