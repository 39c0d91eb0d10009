/**
 * The right to be forgotten: what one customer said is erased from a support history that goes on, and from every disk.
 *
 * The program checks that the others stay readable, and that the erased events can be found by no one.
 */
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { connect } from 'factstore';

type SupportEvent = { type: 'MessageSent'; data: { from: string; text: string } };

const db = await connect(process.env.FACTSTORE_URL ?? 'factstore://127.0.0.1:2113');
const ticket = `ticket-${process.pid}`;
const send = (from: string, text: string) =>
  db.append<SupportEvent>(ticket, [{ type: 'MessageSent', data: { from, text }, tags: [`customer:${from}`] }]);

await send('ann', 'it does not start');
await send('bob', 'nor does mine, my number is 555-0199');
await send('ann', 'it does now');
await send('bob', 'mine too, thank you');

// Erase each of Bob's messages: they are hidden at once, from every read, query, subscription and condition.
for (const event of await db.query<SupportEvent>({ tags: ['customer:bob'], streams: [ticket] }).toArray()) {
  await db.streams.erase(ticket, { from: event.revision });
}
const texts = async () => (await db.read<SupportEvent>(ticket).toArray()).map((event) => event.data?.text);
assert.deepEqual(await texts(), ['it does not start', 'it does now']);
assert.deepEqual(await db.query({ tags: ['customer:bob'], streams: [ticket] }).toArray(), []);

// Their content is still on the disks. A scavenge takes it from all of them.
await db.admin.startScavenge();
let nodes = await db.admin.scavengeStatus();
while (!nodes.every((node) => node.reachable && node.state === 'done')) {
  await setTimeout(50);
  nodes = await db.admin.scavengeStatus();
}
assert.deepEqual(await texts(), ['it does not start', 'it does now']);
const { headRevision, count } = await db.streams.get(ticket);
console.log(
  `${count} of ${headRevision + 1n} messages are left, on ${nodes.length} node${nodes.length > 1 ? 's' : ''}`,
);
await db.close();
