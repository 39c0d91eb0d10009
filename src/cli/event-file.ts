import { FactstoreError } from '../base/errors.ts';
import type { TestEvent } from '../testing/index.ts';
import { BadLine, isBlank, parseAppendOrEvent } from './import-format.ts';
import { sourceLines } from './import-source.ts';
import type { EventToAppend } from './store.ts';

/**
 * The events of a file: lines of the import format (as `export` writes them), or events one a line (as `read --json` and
 * `query --json` do), plain or gzipped. Ends in INVALID_ARGUMENT with the number of a line that is neither.
 */
export async function* eventsOfFile(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<TestEvent> {
  for await (const line of sourceLines(bytes)) {
    if (isBlank(line.bytes)) continue;
    try {
      const parsed = parseAppendOrEvent(line.bytes);
      if ('writes' in parsed) {
        for (const { stream, events } of parsed.writes) for (const event of events) yield testEvent(event, { stream });
      } else {
        const { event, ...place } = parsed;
        yield testEvent(event, place);
      }
    } catch (error) {
      if (!(error instanceof BadLine)) throw error;
      throw new FactstoreError('INVALID_ARGUMENT', `line ${line.number}: ${error.message}`, { line: line.number });
    }
  }
}

function testEvent(
  event: EventToAppend,
  place: Pick<TestEvent, 'stream' | 'revision' | 'position' | 'createdUs'>,
): TestEvent {
  // Bytes without a content type would count as binary.
  return { ...event, ...place, contentType: event.contentType ?? 'application/json' };
}
