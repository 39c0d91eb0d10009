/**
 * Finds where the values of a JSON text stand, so that they can be passed on as they were written: parsing one and
 * writing it anew would change numbers beyond 2^53, and the order of some keys. Only for texts that JSON.parse accepts.
 */

/** Where a value begins and ends. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The members of the object at `span`; of a key that stands there twice the last one, as with JSON.parse. */
export function membersOf(text: string, span: Span): Map<string, Span> {
  const members = new Map<string, Span>();
  let at = skipSpace(text, span.start + 1);
  while (at < span.end && text[at] !== '}') {
    const keyEnd = skipString(text, at);
    const inside = text.slice(at + 1, keyEnd - 1);
    const key = inside.includes('\\') ? (JSON.parse(`"${inside}"`) as string) : inside;
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = skipValue(text, start);
    members.set(key, { start, end });
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return members;
}

/** The texts of an object's members, as they stand there. */
export function memberTexts(text: string): ReadonlyMap<string, string> {
  const members = [...membersOf(text, wholeOf(text))];
  return new Map(members.map(([key, { start, end }]) => [key, text.slice(start, end)]));
}

/** The elements of the array at `span`. */
export function elementsOf(text: string, span: Span): Span[] {
  const elements: Span[] = [];
  let at = skipSpace(text, span.start + 1);
  while (at < span.end && text[at] !== ']') {
    const end = skipValue(text, at);
    elements.push({ start: at, end });
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return elements;
}

/** The value that the whole text is. */
export function wholeOf(text: string): Span {
  const start = skipSpace(text, 0);
  return { start, end: skipValue(text, start) };
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
  return at;
}

/** The offset behind the string that begins at `start`. */
function skipString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    at += code === BACKSLASH ? 2 : 1;
  }
  return at;
}

function skipValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return skipString(text, start);
  if (first !== '{' && first !== '[') {
    let at = start;
    while (at < text.length && !',]} \t\r\n'.includes(text.charAt(at))) at++;
    return at;
  }
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const char = text[at];
    if (char === '"') {
      at = skipString(text, at);
      continue;
    }
    at++;
    if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (depth === 0) break;
  }
  return at;
}
