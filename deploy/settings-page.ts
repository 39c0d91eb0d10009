import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OPTION_INFOS, type OptionInfo } from '../src/config/options.ts';

/** The reference of all settings, made from the schema that reads them. `npm run settings` writes it. */
export const SETTINGS_PAGE = fileURLToPath(new URL('SETTINGS.md', import.meta.url));

export function settingsPage(): string {
  const common = OPTION_INFOS.filter((info) => info.common);
  const others = OPTION_INFOS.filter((info) => !info.common);
  return `# Settings

Made by \`npm run settings\` from the schema in \`src/config/options.ts\`; do not edit it by hand.

A node is configured by flags, by variables, and by a YAML file (\`--config FILE\` or \`FACTSTORE_CONFIG\`). Flags win over
variables, and these over the file. An unknown key or a bad value stops the start and is named. Bytes are numbers, or
texts such as \`64 MiB\`. \`factstore serve --print-config\` shows what would apply, and where each value comes from.

## What most people need

${common.map(section).join('\n')}
## Times and limits

${others.map(section).join('\n')}`;
}

function section({ key, flag, variable, unit, defaultText, description }: OptionInfo): string {
  return `### \`${key}\`

${description}

- flag \`${flag}\`, variable \`${variable}\`
- value: \`${unit}\`
- default: ${defaultText}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(SETTINGS_PAGE, settingsPage());
