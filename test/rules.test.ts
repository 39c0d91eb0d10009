import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BUILT, NOT_BUILT } from './rules.ts';

const ROOT = import.meta.dirname;
const TITLE = /\b(?:it|test|describe)(?:\.\w+\([^\n]*\))?\(\s*(['"`])(.*?)\1\s*,/g;
const RULE = /\b[SDRCQP]\d{1,2}\b/g;

function rulesInTitles(): Set<string> {
  const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.test.ts'));
  const titles = files.flatMap((path) => [...readFileSync(join(ROOT, path), 'utf8').matchAll(TITLE)]);
  return new Set(titles.flatMap(([, , title]) => title?.match(RULE) ?? []));
}

describe('the rules', () => {
  const tested = rulesInTitles();

  it('that are built have a test whose title carries their id', () => {
    expect(BUILT.filter((rule) => !tested.has(rule))).toEqual([]);
  });

  it('that are not built have none; once they are, they move to the other list', () => {
    expect(Object.keys(NOT_BUILT).filter((rule) => tested.has(rule))).toEqual([]);
  });

  it('are all there', () => {
    const last = { S: 16, D: 10, R: 3, C: 8, Q: 4, P: 7 };
    const all = Object.entries(last).flatMap(([kind, n]) => Array.from({ length: n }, (_, i) => `${kind}${i + 1}`));
    expect([...BUILT, ...Object.keys(NOT_BUILT)].sort()).toEqual(all.sort());
  });
});
