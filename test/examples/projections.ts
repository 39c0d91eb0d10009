/**
 * A projection, from its test to its states on a cluster: what each customer has spent, and an event for whoever has spent
 * much.
 *
 * The test is run without a node. Then the same source is given to the cluster, and says the same there.
 */
import assert from 'node:assert/strict';
import { connect } from 'factstore';
import { testProjection } from 'factstore/testing';

const category = `sale${process.pid}`;
const large = `large-customers-${process.pid}`;

const source = `
fromCategory('${category}')
  .partitionBy((event) => event.data.customer)
  .when({
    $init: () => ({ spent: 0 }),
    Sold(state, event) {
      const before = state.spent
      state.spent += event.data.price
      if (before < 100 && state.spent >= 100) emit('${large}', 'CustomerBecameLarge', { customer: event.partition })
    },
    Returned(state, event) { state.spent -= event.data.price },
  })
  .transformBy((state) => ({ ...state, large: state.spent >= 100 }))`;

const sales = [
  { stream: `${category}-1`, type: 'Sold', data: { customer: 'ada', price: 70 } },
  { stream: `${category}-2`, type: 'Sold', data: { customer: 'bob', price: 20 } },
  { stream: `${category}-3`, type: 'Sold', data: { customer: 'ada', price: 40 } },
  { stream: `${category}-1`, type: 'Returned', data: { customer: 'ada', price: 70 } },
];

const tested = await testProjection(source, sales);
assert.deepEqual(tested.states.get('ada'), { spent: 40 });
assert.deepEqual(tested.results.get('bob'), { spent: 20, large: false });
assert.deepEqual(
  tested.emissions.map(({ stream, type, data }) => ({ stream, type, data })),
  [{ stream: large, type: 'CustomerBecameLarge', data: { customer: 'ada' } }],
);

const db = await connect(process.env.FACTSTORE_URL ?? 'factstore://127.0.0.1:2113');
const name = `customers-${process.pid}`;
await db.projections.create(name, source);
let position = 0n;
for (const { stream, ...event } of sales) ({ position } = await db.append(stream, [event]));

// On any node, and at least as new as what this program has appended itself.
for (const customer of ['ada', 'bob']) {
  const { state, result } = await db.projections.state(name, customer, { atLeast: position });
  assert.deepEqual(state, tested.states.get(customer));
  assert.deepEqual(result, tested.results.get(customer));
}

// The events of a store can be run through the test, too, and come to the same.
const again = await testProjection(source, db.readAll());
assert.deepEqual(again.states, tested.states);

// What it emits is appended once, soon after.
for await (const message of db.subscribe({ stream: large })) {
  if (message.kind !== 'event') continue;
  console.log(message.event.type, JSON.stringify(message.event.data));
  break;
}
await db.projections.delete(name);
await db.close();
