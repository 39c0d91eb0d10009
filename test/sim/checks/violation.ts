/** The product broke a promise. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function demand(holds: boolean, text: () => string): asserts holds {
  if (!holds) throw new Violation(text());
}
