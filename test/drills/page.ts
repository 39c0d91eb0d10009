/** The places in a page that drills fill: a fence behind a comment that names the drill. */
const PLACE = /<!-- drill: (?<name>[^>]+?) -->\n\n```console\n(?<text>[\s\S]*?)\n?```/g;

/** The drills that a page has places for, with what stands there. */
export function places(page: string): Map<string, string> {
  return new Map([...page.matchAll(PLACE)].map(({ groups }) => [groups?.name as string, groups?.text as string]));
}

/** The page with `text` in the place of a drill. */
export function placed(page: string, drill: string, text: string): string {
  if (!places(page).has(drill)) throw new Error(`the page has no place for the drill "${drill}"`);
  return page.replace(PLACE, (whole, name) =>
    name === drill ? `<!-- drill: ${name} -->\n\n\`\`\`console\n${text}\n\`\`\`` : whole,
  );
}
