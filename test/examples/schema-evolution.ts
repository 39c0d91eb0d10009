/**
 * Events of three versions in one stream: a program of the newest version reads all of them alike, wherever it reads them,
 * beside a program of the first one that goes on as it was.
 */
import assert from 'node:assert/strict';
import { connect } from 'factstore';

interface Named {
  first: string;
  last: string;
  since: string;
}
type UserEvent = { type: 'UserNamed'; data: Named };

const url = process.env.FACTSTORE_URL ?? 'factstore://127.0.0.1:2113';
const user = `user-${process.pid}`;
const tags = [user];
const since = '2026-01-01T00:00:00.000Z';

// What was written over the years, each by the program of its time.
const old = await connect(url);
await old.append(user, [{ type: 'UserNamed', data: { name: 'Ada Byron King' }, tags }]);
await old.append(user, [{ type: 'UserNamed', schemaVersion: 2, data: { first: 'Ada', last: 'King' }, tags }]);

// Each step stands under the version from which it starts; it looks at nothing but the event.
const db = await connect(url, {
  upcasters: {
    UserNamed: {
      1: ({ name }: { name: string }) => {
        const [first = '', ...rest] = name.split(' ');
        return { first, last: rest.join(' ') };
      },
      2: (names: Omit<Named, 'since'>, { created }) => ({ ...names, since: created.toISOString() }),
    },
  },
});
const newest = { type: 'UserNamed', schemaVersion: 3, data: { first: 'Ada', last: 'Lovelace', since }, tags } as const;
await db.append<UserEvent>(user, [newest]);

const read = await db.read<UserEvent>(user).toArray();
assert.deepEqual(
  read.map(({ data, schemaVersion, storedVersion }) => [data?.first, data?.last, schemaVersion, storedVersion]),
  [
    ['Ada', 'Byron King', 3, 1],
    ['Ada', 'King', 3, 2],
    ['Ada', 'Lovelace', 3, 3],
  ],
);
assert.equal(read[0]?.data?.since, read[0]?.created.toISOString());
assert.equal(read[2]?.data?.since, since);

// The same from a query, and in what `update` decides on.
const queried = await db.query<UserEvent>({ tags }).toArray();
assert.deepEqual(
  queried.map(({ data }) => data),
  read.map(({ data }) => data),
);
let decidedOn = '';
await db.update<UserEvent>(user, (events) => {
  decidedOn = events.map(({ data }) => data?.last).join(', ');
  return undefined;
});

// The program of the first version sees what it does not know as it is, and by its version that it does not know it.
const versions = (await old.read(user).toArray()).map((event) => event.schemaVersion);
console.log(`${decidedOn}; an old program sees versions ${versions.join(', ')}`);
await Promise.all([db.close(), old.close()]);
