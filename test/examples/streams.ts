/**
 * The life of streams: sessions that show their last events only, and are deleted, taken up again, and closed for ever.
 *
 * What is hidden stays hidden: the program checks it at every step.
 */
import assert from 'node:assert/strict';
import { connect, FactstoreError } from 'factstore';

type SessionEvent = { type: 'PageSeen'; data: { page: string } };

const db = await connect(process.env.FACTSTORE_URL ?? 'factstore://127.0.0.1:2113');
const session = `session-${process.pid}`;
const see = (page: string) => db.append<SessionEvent>(session, [{ type: 'PageSeen', data: { page } }]);
const pages = async () => (await db.read<SessionEvent>(session).toArray()).map((event) => event.data?.page);

for (const page of ['home', 'books', 'basket', 'help']) await see(page);

// Show the last three events, and none that is older than a day.
await db.streams.setMetadata(session, { maxCount: 3, maxAgeMs: 24 * 3_600_000, custom: { owner: 'shop' } });
assert.deepEqual(await pages(), ['books', 'basket', 'help']);

// Change the metadata only if nobody else has since it was read.
const { metadata, metadataRevision } = await db.streams.get(session);
await db.streams.setMetadata(session, { ...metadata, maxCount: 10 }, { expectMetadata: metadataRevision });
assert.deepEqual(await pages(), ['books', 'basket', 'help'], 'a wider limit does not bring anything back');

await db.streams.truncate(session, 2n);
assert.deepEqual(await pages(), ['basket', 'help']);

// Deleted under the condition that nothing was appended meanwhile; a later append goes on with the revisions.
await db.streams.delete(session, { expect: 3n });
assert.deepEqual(await pages(), []);
const { revision } = await see('home again');
assert.equal(revision, 4n);
assert.deepEqual(await pages(), ['home again']);

// For ever.
await db.streams.tombstone(session);
await assert.rejects(see('too late'), (error) => error instanceof FactstoreError && error.code === 'CONFLICT');

// Every change is an event, with its time and its place.
const changes = (await db.read(`$$${session}`).toArray()).map((event) => event.type);
console.log(changes.join(' '));
for await (const { stream, state } of db.streams.list({ category: 'session', deleted: true })) {
  if (stream === session) console.log(state);
}
await db.close();
