import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DRILLS } from '../drills/drills.ts';
import { placed, places } from '../drills/page.ts';

const page = readFileSync(fileURLToPath(new URL('../../deploy/OPERATING.md', import.meta.url)), 'utf8');

describe("the operator's guide", () => {
  it('has a place for every drill, filled by a run of it', () => {
    expect([...places(page).keys()].sort()).toEqual(Object.keys(DRILLS).sort());
    for (const [name, text] of places(page)) expect(text, name).toContain('$ ');
  });

  it('takes what a drill says into its place, and nowhere else', () => {
    const changed = placed(page, 'replace', '$ true $& `');
    expect(places(changed).get('replace')).toBe('$ true $& `');
    expect(places(changed).get('upgrade')).toBe(places(page).get('upgrade'));
    expect(() => placed(page, 'no such drill', '')).toThrow('has no place');
  });
});
