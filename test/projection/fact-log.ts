import { encodeUtf8, uuidText } from '../../src/base/bytes.ts';
import { appendIdReused } from '../../src/model/append.ts';
import { recordedLength, writeRecordedEvent } from '../../src/model/event.ts';
import { encodeFactTexts } from '../../src/model/fact.ts';
import { type Projection, streamOfProjection } from '../../src/model/projection.ts';
import { type ChangePorts, ProjectionChanges } from '../../src/projection/changes.ts';
import { ProjectionRegistry } from '../../src/projection/registry.ts';
import { decodeAppendRequest } from '../../src/proto/append-request.ts';
import { encodeAppendResponse } from '../../src/proto/append-response.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSmallProgram } from './small-program.ts';

type Route = ReturnType<ChangePorts['openRoute']>;

/** A log of facts about projections that is judged as a leader does it, by append id and expected facts, and applied at once. */
export class FactLog {
  readonly facts: Uint8Array[] = [];
  /** Awaited before the next append is judged, once. */
  delay: (() => Promise<unknown>) | undefined;
  private readonly registry = new ProjectionRegistry();
  /** By append id: the content of the append, and its place. */
  private readonly appends = new Map<string, { readonly content: string; readonly n: number }>();

  /** As any node makes changes. */
  changes(openProgram: ChangePorts['openProgram'] = openSmallProgram): ProjectionChanges {
    return new ProjectionChanges({
      registry: this.registry,
      clock: systemClock,
      openProgram,
      openRoute: () => ({ append: (bytes: Uint8Array) => this.append(bytes) }) as unknown as Route,
      linearize: async () => {},
      reached: async () => {},
      appended: async (id) => {
        const found = this.appends.get(uuidText(id));
        return found && this.facts[found.n];
      },
      asOf: async (name, revision) => this.asOf(name, revision),
    });
  }

  find(name: string): Projection | undefined {
    return this.registry.find(name);
  }

  /** Something that is no change of a projection. */
  appendOther(id: Uint8Array): void {
    this.record('account-1', id, { kind: 'Deposited', data: '{}' }, 0, 'a deposit');
  }

  private async append(bytes: Uint8Array): Promise<Uint8Array> {
    const { delay } = this;
    this.delay = undefined;
    await delay?.();
    const { appendId, content, projection } = decodeAppendRequest(bytes);
    if (!projection) throw new Error('this is no change of a projection');
    const text = Buffer.concat(content).toString('hex');
    const known = this.appends.get(uuidText(appendId));
    if (known && known.content !== text) throw appendIdReused(appendId);
    const { name, facts, type, data } = projection;
    if (!known && (this.registry.find(name)?.facts ?? 0) !== facts) {
      return encodeAppendResponse({ kind: 'conflict', checks: [], conditions: [], position: this.facts.length });
    }
    const n = known?.n ?? this.record(streamOfProjection(name), appendId, { kind: type, data }, facts, text);
    const place = { firstPosition: n + 1, position: n + 1, writes: [], createdUs: 1 };
    return encodeAppendResponse({ kind: 'appended', ...place, repeated: known !== undefined });
  }

  private record(
    stream: string,
    id: Uint8Array,
    texts: { readonly kind: string; readonly data: string },
    revision: number,
    content: string,
  ): number {
    const n = this.facts.length;
    const event = encodeFactTexts(id, texts);
    const name = encodeUtf8(stream);
    const recorded = new Uint8Array(recordedLength(event, name, revision, n + 1, 1));
    writeRecordedEvent(recorded, 0, event, name, revision, n + 1, 1);
    this.facts.push(recorded);
    this.appends.set(uuidText(id), { content, n });
    this.registry.applied(recorded);
    return n;
  }

  private asOf(name: string, revision: number): Projection | undefined {
    const then = new ProjectionRegistry();
    for (const fact of this.facts) {
      if ((then.find(name)?.facts ?? 0) <= revision) then.applied(fact);
    }
    return then.find(name);
  }
}
