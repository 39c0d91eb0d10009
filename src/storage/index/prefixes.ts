/**
 * Tells of names whether they begin with one of some prefixes. That costs few comparisons for each name, however many
 * prefixes there are (rule C3).
 */
export function beginsWithOneOf(prefixes: readonly string[]): (name: string) => boolean {
  const sorted: string[] = [];
  for (const prefix of [...prefixes].sort()) {
    const before = sorted.at(-1);
    // What begins with a longer one begins with the shorter one, too.
    if (before === undefined || !prefix.startsWith(before)) sorted.push(prefix);
  }
  // None begins with another now, so none stands in order between a name and the one that it begins with.
  return (name) => {
    let [from, to] = [0, sorted.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((sorted[middle] as string) <= name) from = middle + 1;
      else to = middle;
    }
    return from > 0 && name.startsWith(sorted[from - 1] as string);
  };
}
