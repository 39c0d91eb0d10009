import { decodeUtf8 } from '../base/bytes.ts';
import { isErasedEvent } from '../model/event.ts';
import { PayloadView } from '../model/payload.ts';
import { EntryType } from '../raft/types.ts';
import { EventScanner } from '../storage/index/event-scan.ts';
import type { ErasedName } from '../storage/index/forget-names.ts';
import { Kind } from '../storage/index/keys.ts';
import { isVisible, type Visibility } from '../storage/index/visibility.ts';
import { type EntryRecord, stubOf } from '../storage/record.ts';

/** What becomes of an entry of which events are erased. */
export interface ErasedEntry {
  readonly stub: EntryRecord;
  /** How many were erased that were not before. */
  readonly events: number;
  /** The names under which the index knew them. */
  readonly names: readonly ErasedName[];
}

/** How many events of an entry are looked at in one turn. */
const EVENTS_PER_TURN = 1_000;

/** Erases what nobody can see of entries, one after another, and lets others have their turn meanwhile (rule C3). */
export class Eraser {
  private readonly visibility: Visibility;
  private readonly yieldTurn: () => Promise<void>;
  private readonly scanner = new EventScanner();

  constructor(visibility: Visibility, yieldTurn: () => Promise<void>) {
    this.visibility = visibility;
    this.yieldTurn = yieldTurn;
  }

  /** The entry without its hidden events; undefined where it has none, or none that is not erased already. */
  async erase(record: EntryRecord): Promise<ErasedEntry | undefined> {
    if (record.type !== EntryType.events || this.visibility.hidesNothing) return undefined;
    const payload = new PayloadView(record.payload, record.count);
    const hidden = new Set<number>();
    const names: ErasedName[] = [];
    for (let n = 0; n < record.count; n++) {
      if (n % EVENTS_PER_TURN === EVENTS_PER_TURN - 1) await this.yieldTurn();
      if (record.erased && isErasedEvent(payload.bytes, payload.eventStart(n))) continue;
      if (await this.isVisible(payload, n)) continue;
      hidden.add(n);
      this.collectNames(names);
    }
    if (hidden.size === 0) return undefined;
    const erased = (n: number) =>
      hidden.has(n) || (record.erased && isErasedEvent(payload.bytes, payload.eventStart(n)));
    return { stub: stubOf(record, payload.without(erased)), events: hidden.size, names };
  }

  private async isVisible(payload: PayloadView, n: number): Promise<boolean> {
    const scan = () => this.scanner.scan(payload.bytes, payload.eventStart(n), payload.eventEnd(n));
    // Who applies an entry has seen that it is one.
    if (!scan() || this.scanner.isSystem()) return true;
    const { bytes, streamStart, streamEnd, revision } = this.scanner;
    const part = this.visibility.of(decodeUtf8(bytes, streamStart, streamEnd) ?? '');
    return isVisible(part instanceof Promise ? await part : part, revision);
  }

  private collectNames(to: ErasedName[]): void {
    const { bytes, position, typeStart, typeEnd, tags, tagCount } = this.scanner;
    const add = (kind: ErasedName['kind'], start: number, end: number) =>
      to.push({ kind, name: bytes.subarray(start, end), position });
    add(Kind.type, typeStart, typeEnd);
    for (let t = 0; t < tagCount; t++) add(Kind.tag, tags[t * 2] as number, tags[t * 2 + 1] as number);
  }
}
