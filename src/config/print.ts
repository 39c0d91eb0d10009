import type { Settings } from './load.ts';
import { type NodeOptions, OPTION_INFOS } from './options.ts';
import { type Address, formatAddress } from './values.ts';

type Plain = string | number | boolean | readonly string[];

/** Every option that has a value, in the form in which the YAML file takes it. */
export function settingsObject(options: NodeOptions): Record<string, Plain> {
  return Object.fromEntries(
    OPTION_INFOS.flatMap(({ key }) => {
      const value = plain(options[key]);
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/** The same as a file for --config, with a word on each key about where its value comes from. */
export function settingsYaml({ options, source }: Settings): string {
  const values = settingsObject(options);
  const lines = OPTION_INFOS.map(({ key, defaultText }) => {
    const value = values[key];
    if (value === undefined) return `# ${key}: ${defaultText}`;
    return `${key}: ${JSON.stringify(value)} # ${source(key) ?? 'default'}`;
  });
  return `${lines.join('\n')}\n`;
}

function plain(value: NodeOptions[keyof NodeOptions]): Plain | undefined {
  if (typeof value !== 'object') return value;
  if (!('length' in value)) return formatAddress(value);
  return value.map((entry: Address & { nodeId?: string }) =>
    entry.nodeId === undefined ? formatAddress(entry) : `${entry.nodeId}=${formatAddress(entry)}`,
  );
}
