import { type Command, Option } from 'commander';
import { loadSettings } from '../config/load.ts';
import { type Address, formatAddress } from '../config/values.ts';
import { programVersion } from '../runtime/version.ts';
import { type Context, examples, subcommand } from './context.ts';
import { jsonText } from './json.ts';

/** What `serve` needs of a node that runs. */
interface RunningNode {
  readonly nodeId: string;
  readonly address: Address;
  readonly peerAddress: Address;
  /** `leader`, `follower`, …, or what the node waits for. */
  readonly role: string;
  /** Settles when the node ends by itself, with the reason. */
  readonly ended: Promise<Error | undefined>;
  /** True: it ended because its log or its index is damaged in a way that its next start mends. */
  readonly mendable: boolean;
  stop(): Promise<void>;
}

/** A disk that damages a log so often while one process runs is not fit to go on with. */
const REPAIRS_MAX = 3;

type Flags = Readonly<Record<string, string | undefined>> & {
  readonly json?: boolean;
  readonly printConfig?: boolean;
};

/** `withFlags` is false where another command runs: its flags come from the schema, which takes a while to load. */
export async function addServe(program: Command, context: Context, withFlags: boolean): Promise<void> {
  const command = subcommand(program, 'serve', 'run a node; with no flags a durable single node in ./data')
    .option('--config <FILE>', 'a YAML file with the keys below in camelCase (or FACTSTORE_CONFIG)')
    .option('--print-config', 'write the settings that would apply, and where each comes from; start nothing');
  if (withFlags) {
    const { OPTION_INFOS } = await import('../config/options.ts');
    for (const info of OPTION_INFOS) {
      const text = `${info.description} (default: ${info.defaultText}; or ${info.variable})`;
      const unit = info.preset === undefined ? `<${info.unit}>` : `[${info.unit}]`;
      const option = new Option(`${info.flag} ${unit}`, text);
      if (info.preset !== undefined) option.preset(info.preset);
      command.addOption(info.common ? option : option.helpGroup('Times and limits:'));
    }
  }
  command.action((flags: Flags) => serve(context, flags));
  examples(
    command,
    'factstore serve',
    'factstore serve --config factstore.yaml --data /var/lib/factstore',
    'factstore serve --config factstore.yaml --print-config',
    'factstore serve --node-id n1 --cluster n1=10.0.0.1:2114,n2=10.0.0.2:2114,n3=10.0.0.3:2114 \\\n' +
      '      --listen 10.0.0.1:2113 --peer-listen 10.0.0.1:2114 --insecure',
  );
}

async function serve(context: Context, flags: Flags): Promise<void> {
  const { out, signal } = context;
  const { printConfig, ...values } = flags;
  const settings = await loadSettings(values, context.io.env);
  const { options } = settings;
  if (printConfig) {
    const { settingsObject, settingsYaml } = await import('../config/print.ts');
    return out.write(flags.json ? `${jsonText(settingsObject(options))}\n` : settingsYaml(settings));
  }
  const { startNode } = await import('../node.ts');
  const stopped = new Promise<'signal'>((resolve) => {
    if (signal.aborted) resolve('signal');
    signal.addEventListener('abort', () => resolve('signal'), { once: true });
  });
  for (let repairs = 0; ; repairs++) {
    const node: RunningNode = await startNode(options);
    await announce(context, flags, options.data, node);
    const end = await Promise.race([stopped, node.ended]);
    if (end === 'signal') {
      if (!flags.json) await out.line('stopping (once more ends it at once)');
      return node.stop();
    }
    if (end && (!node.mendable || repairs === REPAIRS_MAX)) throw end;
    await node.stop();
    if (!end) return;
  }
}

async function announce(context: Context, flags: Flags, data: string, node: RunningNode): Promise<void> {
  if (!flags.json) return context.out.write(banner(context, data, node));
  const { nodeId, role } = node;
  const addresses = { listen: formatAddress(node.address), peerListen: formatAddress(node.peerAddress) };
  return context.out.line(jsonText({ started: { nodeId, ...addresses, data, role } }));
}

function banner({ out }: Context, data: string, node: RunningNode): string {
  const url = `factstore://${formatAddress(node.address)}`;
  const suffix = url === 'factstore://127.0.0.1:2113' ? '' : ` --url ${url}`;
  const lines = [
    `${out.bold(`factstore ${programVersion()}`)}`,
    '',
    `  node     ${node.nodeId} (${node.role})`,
    `  clients  ${formatAddress(node.address)}`,
    `  peers    ${formatAddress(node.peerAddress)}`,
    `  data     ${data}`,
    '',
    'In another terminal:',
    '',
    `  factstore append order-1 --type OrderPlaced --data '{"total": 12}'${suffix}`,
    `  factstore read order-1${suffix}`,
    `  factstore subscribe --all${suffix}`,
    '',
    'Ctrl-C stops this node.',
    '',
    '',
  ];
  return lines.join('\n');
}
