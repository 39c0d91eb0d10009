import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';

/** A key of the file, its value, and the line on which the key stands. */
interface FileEntry {
  readonly key: string;
  readonly value: unknown;
  readonly line: number;
}

/** What the file says, or the line and the reason why it cannot be read. */
export type FileContent =
  | { readonly entries: readonly FileEntry[] }
  | { readonly line: number; readonly reason: string };

/** Reads a flat YAML mapping, keeping the lines, which errors name. An empty file is an empty mapping. */
export function readYaml(text: string): FileContent {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true });
  const [error] = document.errors;
  if (error) return { line: lineCounter.linePos(error.pos[0]).line, reason: error.message };
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    return { entries: [] };
  }
  if (!isMap(document.contents)) return { line: 1, reason: 'is not a mapping of keys to values' };
  const entries: FileEntry[] = [];
  for (const pair of document.contents.items) {
    const range = isScalar(pair.key) ? pair.key.range : undefined;
    const line = range ? lineCounter.linePos(range[0]).line : 1;
    const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    entries.push({ key, value: document.get(key) ?? null, line });
  }
  return { entries: entries.map((entry) => ({ ...entry, value: plain(entry.value) })) };
}

/** Nested mappings and lists as plain objects. */
function plain(value: unknown): unknown {
  const hasJson = typeof value === 'object' && value !== null && 'toJSON' in value;
  return hasJson ? (value as { toJSON(): unknown }).toJSON() : value;
}
