/** The texts that objects were parsed from. */
const texts = new WeakMap<object, string>();

/**
 * An object out of its JSON text, which is remembered: written back, it is to be the same down to its last byte, also where
 * numbers are beyond 2^53 or keys stand twice.
 */
export function parseObjectText(text: string): Readonly<Record<string, unknown>> {
  const value = JSON.parse(text);
  texts.set(value, text);
  return value;
}

/** The JSON text of an object: the one it was parsed from, unless it has been changed since. */
export function objectText(value: object): string {
  const written = JSON.stringify(value);
  const text = texts.get(value);
  return text !== undefined && JSON.stringify(JSON.parse(text)) === written ? text : written;
}
