/** The known name that a person most likely meant; undefined where none is near. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const wanted = simplified(given);
  if (wanted === '') return undefined;
  let best: string | undefined;
  let bestCost = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const name of known) {
    const candidate = simplified(name);
    // A name that was only begun (electionTimeout for electionTimeoutMs) is nearer than one with as many letters changed.
    const begun = wanted.length >= 4 && (candidate.startsWith(wanted) || wanted.startsWith(candidate));
    const cost = begun ? Math.min(1, distance(wanted, candidate)) : distance(wanted, candidate);
    if (cost >= bestCost) continue;
    best = name;
    bestCost = cost;
  }
  return best;
}

/** `; did you mean "x"?`, or nothing. */
export function didYouMean(given: string, known: readonly string[]): string {
  const name = nearest(given, known);
  return name === undefined ? '' : `; did you mean ${name}?`;
}

function simplified(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** How many letters must be added, left out or changed (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
