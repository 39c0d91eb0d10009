import { invalid } from '../base/errors.ts';
import type { DeadLink, FollowedLink } from '../model/link.ts';
import type { MessageReader } from './message-reader.ts';
import type { MessageWriter } from './message-writer.ts';

const DEAD_LINKS = ['hidden', 'neverWritten', 'wholeStream'] as const satisfies readonly DeadLink[];

export function writeLinks(writer: MessageWriter, field: number, links: readonly FollowedLink[]): void {
  for (const { at, target } of links) {
    writer.nested(field, (nested) => {
      nested.uint(1, at);
      if (typeof target === 'string') nested.uint(3, DEAD_LINKS.indexOf(target) + 1);
      else nested.dataAlways(2, target);
    });
  }
}

export function sizeOfLinks(links: readonly FollowedLink[]): number {
  return links.reduce((sum, { target }) => sum + 20 + (typeof target === 'string' ? 0 : target.length), 0);
}

export function decodeLink(reader: MessageReader): FollowedLink {
  let at = 0;
  let target: FollowedLink['target'] | undefined;
  while (reader.next()) {
    if (reader.field === 1) at = reader.uint('at');
    else if (reader.field === 2) target = reader.data('event');
    else if (reader.field === 3) target = DEAD_LINKS[reader.enumeration('dead', DEAD_LINKS.length) - 1];
  }
  if (target === undefined) throw invalid(`${reader.path}event`, 'is missing, and so is why there is none');
  return { at, target };
}
