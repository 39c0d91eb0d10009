import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/**
 * The house rules of DESIGN §10. A folder imports only what this table names, which is in the order of the house: each
 * folder names only folders that stand above it.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  model: ['base'],
  raft: ['base'],
  runtime: ['base'],
  config: ['base', 'model', 'runtime'],
  proto: ['base', 'model'],
  storage: ['base', 'model', 'raft', 'runtime'],
  scavenge: ['base', 'model', 'raft', 'runtime', 'storage'],
  scrub: ['base', 'runtime', 'storage'],
  sequencer: ['base', 'model'],
  replica: ['base', 'model', 'raft', 'runtime', 'storage', 'sequencer'],
  peer: ['base', 'model', 'raft', 'runtime', 'proto', 'storage', 'replica'],
  subscription: ['base', 'model', 'runtime', 'storage', 'replica'],
  projection: ['base', 'model', 'runtime', 'proto', 'storage'],
  database: ['base', 'model', 'raft', 'runtime', 'storage', 'sequencer', 'replica', 'peer', 'subscription'],
  server: [
    ...['base', 'model', 'runtime', 'config', 'proto', 'storage', 'replica', 'peer', 'subscription', 'projection'],
    ...['database'],
  ],
  admin: ['base', 'runtime', 'server', 'proto'],
  node: [
    ...['base', 'model', 'raft', 'runtime', 'config', 'proto', 'storage', 'sequencer', 'replica', 'peer'],
    ...['scavenge', 'scrub', 'subscription', 'projection', 'database', 'server', 'admin'],
  ],
  ops: ['base', 'model', 'raft', 'runtime', 'storage', 'peer'],
  client: ['base', 'model', 'runtime', 'proto'],
  testing: ['base', 'model', 'projection', 'client'],
  cli: ['base', 'model', 'runtime', 'config', 'ops', 'client', 'testing', 'node', 'node.ts'],
};

/** Folders that use no packages and nothing of Node, so that they run anywhere, in the simulator too. */
const PURE = ['base', 'model', 'raft', 'sequencer'];

/** They put everything together, and may import everything. `node/` holds the parts of node.ts. */
const ROOTS = ['main.ts', 'node.ts', 'index.ts'];

interface Ban {
  readonly what: string;
  readonly pattern: RegExp;
  /** The only files in which it may stand. */
  readonly except: readonly string[];
}

const CLOCK = ['runtime/clock.ts'];

const BANS: readonly Ban[] = [
  { what: 'Date.now', pattern: /\bDate\s*\.\s*now\b/, except: CLOCK },
  { what: 'new Date() without an argument', pattern: /\bnew\s+Date\s*(?:\(\s*\)|(?![\w\s(]))/, except: CLOCK },
  { what: 'setTimeout', pattern: /\bsetTimeout\b/, except: CLOCK },
  { what: 'setInterval', pattern: /\bsetInterval\b/, except: CLOCK },
  { what: 'setImmediate', pattern: /\bsetImmediate\b/, except: CLOCK },
  { what: 'performance.now', pattern: /\bperformance\s*\.\s*now\b/, except: CLOCK },
  { what: 'process.hrtime', pattern: /\bprocess\s*\.\s*hrtime\b/, except: CLOCK },
  { what: 'node:timers', pattern: /\bfrom\s+['"](?:node:)?timers(?:\/promises)?['"]/, except: CLOCK },
  { what: 'process.env', pattern: /\bprocess\s*\.\s*env\b/, except: ['config/load.ts'] },
  { what: 'process.exit', pattern: /\bprocess\s*\.\s*exit\b/, except: ['main.ts'] },
  { what: 'Math.random', pattern: /\bMath\s*\.\s*random\b/, except: [] },
  { what: 'console', pattern: /\bconsole\s*\./, except: [] },
];

const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');

interface SourceFile {
  /** Below src, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

function sourceFiles(): SourceFile[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((path) => path.split(sep).join('/'))
    .filter((path) => path.endsWith('.ts') && !path.startsWith('proto/gen/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(SRC, path), 'utf8') }));
}

/** The folder that a file below src belongs to; of a file in src itself, its name. */
function folderOf(path: string): string {
  return path.split('/')[0] ?? path;
}

/**
 * The same text with comments, and if asked for the insides of strings, replaced by spaces; line ends stay. What stands
 * within ${} of a template is code.
 */
function blanked(text: string, strings: boolean): string {
  let out = '';
  let at = 0;
  /** For each open template, how deep the braces were outside its ${}. */
  const templates: number[] = [];
  let depth = 0;
  let lastCode = '';
  const copy = (to: number, hide: boolean) => {
    const part = text.slice(at, to);
    out += hide ? part.replace(/[^\n]/g, ' ') : part;
    at = to;
  };
  const copyTemplate = () => {
    let end = at;
    while (end < text.length && text[end] !== '`' && !text.startsWith('${', end)) end += text[end] === '\\' ? 2 : 1;
    copy(end, strings);
    if (text[at] === '`') copy(at + 1, false);
    else {
      templates.push(depth);
      copy(at + 2, false);
    }
  };
  while (at < text.length) {
    const char = text[at] as string;
    if (text.startsWith('//', at)) copy(indexOrEnd(text, '\n', at), true);
    else if (text.startsWith('/*', at)) copy(indexOrEnd(text, '*/', at + 2) + 2, true);
    else if (char === "'" || char === '"') {
      copy(at + 1, false);
      copy(endOfQuoted(text, at, char), strings);
      copy(at + 1, false);
      lastCode = char;
    } else if (char === '`') {
      copy(at + 1, false);
      copyTemplate();
      lastCode = '`';
    } else if (char === '/' && /[(,=:[!&|?{};+*%<>~^-]/.test(lastCode || ';')) {
      copy(at + 1, false);
      copy(endOfRegExp(text, at), true);
      lastCode = '/';
    } else {
      if (char === '{') depth++;
      if (char === '}' && templates.at(-1) === depth) {
        templates.pop();
        copy(at + 1, false);
        copyTemplate();
        continue;
      }
      if (char === '}') depth--;
      if (char.trim() !== '') lastCode = char;
      copy(at + 1, false);
    }
  }
  return out;
}

function indexOrEnd(text: string, what: string, from: number): number {
  const index = text.indexOf(what, from);
  return index < 0 ? text.length : index;
}

function endOfQuoted(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function endOfRegExp(text: string, from: number): number {
  let inClass = false;
  let at = from;
  for (; at < text.length && text[at] !== '\n'; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '/' && !inClass) break;
  }
  return at;
}

/** What a file imports, in whatever form. The words are looked for in code alone, the names read where they stand. */
function importsOf(text: string): string[] {
  const pattern = /(?<![.\w])(?:from|import\s*\(?)\s*(['"])([^'"\n]*)\1/dg;
  return [...blanked(text, true).matchAll(pattern)].map((match) => text.slice(...(match.indices?.[2] ?? [0, 0])));
}

function isBuiltin(name: string): boolean {
  return name.startsWith('node:') || builtinModules.includes(name);
}

/** What of a file's imports the table does not allow. */
function importViolations({ path, text }: SourceFile): string[] {
  const folder = folderOf(path);
  const found: string[] = [];
  for (const name of importsOf(text)) {
    if (!name.startsWith('.')) {
      if (PURE.includes(folder)) {
        found.push(`src/${path} imports ${name}: ${folder}/ uses no packages and nothing of Node`);
      }
      continue;
    }
    const target = relative(SRC, resolve(SRC, dirname(path), name))
      .split(sep)
      .join('/');
    if (target.startsWith('..')) {
      found.push(`src/${path} imports ${name}, which is outside of src`);
      continue;
    }
    const targetFolder = folderOf(target);
    if (ROOTS.includes(path) || targetFolder === folder || MAY_IMPORT[folder]?.includes(targetFolder)) continue;
    found.push(`src/${path} imports ${target}: ${folder}/ may import ${MAY_IMPORT[folder]?.join(', ') || 'nothing'}`);
  }
  return found;
}

function banViolations({ path, text }: SourceFile): string[] {
  const lines = blanked(text, true).split('\n');
  const withStrings = blanked(text, false).split('\n');
  return BANS.filter((ban) => !ban.except.includes(path)).flatMap((ban) =>
    lines.flatMap((line, i) =>
      ban.pattern.test(ban.what.startsWith('node:') ? (withStrings[i] ?? '') : line)
        ? [
            `src/${path}:${i + 1} uses ${ban.what}${ban.except.length > 0 ? `, which stands in ${ban.except.join(', ')} alone` : ''}`,
          ]
        : [],
    ),
  );
}

describe('the house', () => {
  const files = sourceFiles();

  test('has only folders whose imports are laid down', () => {
    const unknown = files
      .map((file) => folderOf(file.path))
      .filter((folder) => !Object.hasOwn(MAY_IMPORT, folder) && !ROOTS.includes(folder));
    expect([...new Set(unknown)]).toEqual([]);
  });

  test('lets a folder import only folders that stand above it', () => {
    const order = Object.keys(MAY_IMPORT);
    const upwards = order.flatMap((folder, i) =>
      (MAY_IMPORT[folder] ?? [])
        .filter((other) => !ROOTS.includes(other) && !order.slice(0, i).includes(other))
        .map((other) => `${folder} -> ${other}`),
    );
    expect(upwards).toEqual([]);
  });

  test('keeps to the imports that are laid down', () => {
    expect(files.flatMap(importViolations)).toEqual([]);
  });

  test('keeps clock, timers, environment, exit, randomness and console in their places', () => {
    expect(files.flatMap(banViolations)).toEqual([]);
  });

  test('imports only packages that it depends on', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object };
    const known = Object.keys(manifest.dependencies);
    const missing = files.flatMap(({ path, text }) =>
      importsOf(text)
        .filter((name) => !name.startsWith('.') && !isBuiltin(name))
        .filter((name) => !known.some((known) => name === known || name.startsWith(`${known}/`)))
        .map((name) => `src/${path} imports ${name}`),
    );
    expect(missing).toEqual([]);
  });

  test(`has no file over ${FILE_LINES_MAX} lines`, () => {
    const long = files
      .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > FILE_LINES_MAX)
      .map(({ path, lines }) => `src/${path}: ${lines} lines`);
    expect(long).toEqual([]);
  });

  test(`has biome refuse functions over ${FUNCTION_LINES_MAX} lines in src`, () => {
    const biome = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8'));
    const rule = biome.linter.rules.complexity.noExcessiveLinesPerFunction;
    expect(rule).toMatchObject({ level: 'error', options: { maxLines: FUNCTION_LINES_MAX } });
    const lifted = (biome.overrides ?? [])
      .filter((override: { linter?: { rules?: { complexity?: Record<string, unknown> } } }) =>
        Object.hasOwn(override.linter?.rules?.complexity ?? {}, 'noExcessiveLinesPerFunction'),
      )
      .flatMap((override: { includes: string[] }) => override.includes)
      .filter((pattern: string) => !pattern.startsWith('test/') && !pattern.startsWith('bench/'));
    expect(lifted).toEqual([]);
  });
});

describe('this test', () => {
  const violations = (path: string, text: string) => {
    const file = { path, text };
    return [...importViolations(file), ...banViolations(file)];
  };

  test('finds an import, static, dynamic or of a type, that is not allowed', () => {
    expect(violations('raft/a.ts', "import { x } from '../storage/record.ts';")).toEqual([
      'src/raft/a.ts imports storage/record.ts: raft/ may import base',
    ]);
    expect(violations('model/a.ts', "type S = import('../raft/types.ts').Entry;")).toHaveLength(1);
    expect(violations('model/a.ts', "export type { S } from '../raft/types.ts';")).toHaveLength(1);
    expect(violations('raft/a.ts', "import { createHash } from 'node:crypto';")).toHaveLength(1);
    expect(violations('raft/a.ts', "const text = Array.from('abc');")).toEqual([]);
    expect(violations('cli/a.ts', "const { startNode } = await import('../node.ts');")).toEqual([]);
    expect(violations('base/a.ts', "import x from '../../test/x.ts';")).toHaveLength(1);
  });

  test('finds a banned call, also within a template', () => {
    expect(violations('raft/a.ts', 'const now = Date.now();')).toEqual([
      'src/raft/a.ts:1 uses Date.now, which stands in runtime/clock.ts alone',
    ]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text.
    expect(violations('raft/a.ts', 'a\n  `at ${new Date()} ${f({ x: `${Math.random()}` })}`')).toHaveLength(2);
    expect(violations('cli/a.ts', 'process.exit(1); console.log(process.env.HOME)')).toHaveLength(3);
    expect(violations('cli/a.ts', "import { setTimeout } from 'node:timers/promises';")).toHaveLength(2);
    expect(violations('cli/a.ts', 'const d = new Date;')).toHaveLength(1);
  });

  test('passes over comments, strings, regular expressions and what only looks alike', () => {
    const harmless = [
      '// Date.now() would jump',
      '/* console.log(\n Math.random()) */',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text.
      "const text = 'process.exit(1)' + \"it's Date.now\" + `setTimeout \\` ${text} console.log`;",
      'const pattern = /["\'`]Math.random[/"]/;',
      'process.exitCode = 1; const half = a / b / c; // console.log',
      'new Date(us / 1000); myconsole.log(); new DateRange();',
    ];
    expect(violations('cli/a.ts', harmless.join('\n'))).toEqual([]);
  });
});
