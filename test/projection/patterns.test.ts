import { describe, expect, test } from 'vitest';
import { type TestEvent, testProjection } from '../../src/testing/index.ts';

/** What users of KurrentDB do with projections, written as they write it: with its names for the parts of events. */

const event = (stream: string, type: string, data: unknown = {}, more: Partial<TestEvent> = {}): TestEvent => ({
  stream,
  type,
  data,
  ...more,
});

/** The states by partition, as an object. */
const statesOf = async (source: string, ...events: readonly TestEvent[]) =>
  Object.fromEntries((await testProjection(source, events)).states);

const emissionsOf = async (source: string, ...events: readonly TestEvent[]) =>
  (await testProjection(source, events)).emissions.map(({ stream, type, data, link }) =>
    link
      ? `${stream} <- ${link.revision === undefined ? '' : `${link.revision}@`}${link.stream}`
      : { stream, type, data },
  );

describe('a projection as KurrentDB has them', () => {
  test('counts events of each kind', async () => {
    const source = `fromAll().when({
      $init: function () { return { placed: 0, other: 0 } },
      OrderPlaced: function (state) { state.placed += 1; return state },
      $any: function (state) { state.other += 1; return state },
    })`;
    const events = [event('order-1', 'OrderPlaced'), event('order-1', 'OrderPaid'), event('order-2', 'OrderPlaced')];
    expect(await statesOf(source, ...events)).toEqual({ '': { placed: 2, other: 1 } });
  });

  test('keeps a state for each stream of a category, and names it after the stream', async () => {
    const source = `fromCategory('cart').foreachStream().when({
      $init: () => ({ items: {} }),
      ItemAdded(state, { body }) { state.items[body.sku] = (state.items[body.sku] || 0) + body.count },
      ItemRemoved(state, { body }) { delete state.items[body.sku] },
    })`;
    const add = (cart: string, sku: string, count: number) => event(cart, 'ItemAdded', { sku, count });
    const events = [add('cart-1', 'a', 1), add('cart-2', 'b', 3), add('cart-1', 'a', 1), add('wish-1', 'c', 1)];
    expect(await statesOf(source, ...events, event('cart-2', 'ItemRemoved', { sku: 'b' }))).toEqual({
      'cart-1': { items: { a: 2 } },
      'cart-2': { items: {} },
    });
  });

  test('keeps a state for each value of a field', async () => {
    const source = `fromAll().partitionBy((e) => e.body.customer).when({
      $init: () => ({ spent: 0 }), Paid(s, e) { s.spent += e.body.amount; s.partition = e.partition },
    })`;
    const paid = (customer: string | undefined, amount: number) => event('till', 'Paid', { customer, amount });
    expect(await statesOf(source, paid('ada', 2), paid('bob', 5), paid('ada', 3), paid(undefined, 9))).toEqual({
      ada: { spent: 5, partition: 'ada' },
      bob: { spent: 5, partition: 'bob' },
    });
  });

  test('shares a state among partitions', async () => {
    const source = `options({ biState: true })
      fromCategory('room').foreachStream().when({
        $init: () => ({ said: 0 }),
        $initShared: () => ({ busiest: null, most: 0 }),
        Said([room, all], e) {
          room.said++
          if (room.said > all.most) { all.most = room.said; all.busiest = e.streamId }
          return [room, all]
        },
      })`;
    const rooms = ['room-a', 'room-b', 'room-b', 'room-a', 'room-b'];
    const { shared, states } = await testProjection(
      source,
      rooms.map((room) => event(room, 'Said')),
    );
    expect(shared).toEqual({ busiest: 'room-b', most: 3 });
    expect(states.get('room-a')).toEqual({ said: 2 });
  });

  test('joins several streams', async () => {
    const source = `fromStreams('prices', 'sales').when({
      $init: () => ({ price: {}, revenue: 0 }),
      PriceSet(s, e) { s.price[e.body.sku] = e.body.price },
      Sold(s, e) { s.revenue += s.price[e.body.sku] * e.body.count },
    })`;
    const price = (amount: number) => event('prices', 'PriceSet', { sku: 'a', price: amount });
    const sold = event('sales', 'Sold', { sku: 'a', count: 2 });
    const elsewhere = event('returns', 'Sold', { sku: 'a', count: 100 });
    const { state } = await testProjection(source, [price(10), sold, price(12), sold, elsewhere]);
    expect(state).toMatchObject({ revenue: 44 });
  });

  test('follows several categories', async () => {
    const source = `fromCategories(['invoice', 'refund']).when({
      $init: () => ({ balance: 0 }), Sent(s, e) { s.balance += e.body.amount }, Refunded(s, e) { s.balance -= e.body.amount },
    })`;
    const refunded = event('refund-1', 'Refunded', { amount: 3 });
    const { state } = await testProjection(source, [event('invoice-1', 'Sent', { amount: 10 }), refunded]);
    expect(state).toEqual({ balance: 7 });
  });

  test('indexes events by links', async () => {
    const source = `fromCategory('user').when({ Moved(s, e) { linkTo('city-' + e.body.city, e) } })`;
    const moved = (user: string, city: string) => event(user, 'Moved', { city });
    expect(
      await emissionsOf(source, moved('user-1', 'Basel'), moved('user-2', 'Bern'), moved('user-1', 'Bern')),
    ).toEqual(['city-Basel <- 0@user-1', 'city-Bern <- 0@user-2', 'city-Bern <- 1@user-1']);
  });

  test('lists streams by links to them, each once, when its first event comes', async () => {
    const source = `fromCategory('device').foreachStream().when({
      $init: () => ({}), $created(s, e) { linkStreamTo('devices-of-' + e.body.owner, e.streamId) },
    })`;
    const seen = (device: string, owner: string) => event(device, 'Seen', { owner });
    expect(
      await emissionsOf(source, seen('device-1', 'ada'), seen('device-1', 'ada'), seen('device-2', 'bob')),
    ).toEqual(['devices-of-ada <- device-1', 'devices-of-bob <- device-2']);
  });

  test('copies what passes a test, with everything that belongs to it', async () => {
    const source = `fromStream('readings').when({ Read(s, e) { if (e.body.celsius > 30) copyTo('hot', e) } })`;
    const read = (celsius: number) => event('readings', 'Read', { celsius }, { tags: ['t'], metadata: { by: 'm' } });
    const { emissions } = await testProjection(source, [read(20), read(31)]);
    expect(emissions).toEqual([
      expect.objectContaining({
        stream: 'hot',
        type: 'Read',
        data: { celsius: 31 },
        tags: ['t'],
        metadata: { by: 'm' },
      }),
    ]);
  });

  test('notices what follows what within a time, and emits that as an event', async () => {
    const source = `fromCategory('account').foreachStream().when({
      $init: () => ({ failed: [] }),
      LoginFailed(s, e) {
        const at = new Date(e.created).getTime()
        s.failed = s.failed.filter((time) => at - time < 60000).concat(at)
        if (s.failed.length === 3) emit('alarms', 'AccountAttacked', { account: e.streamId, times: 3 }, { cause: e.eventId })
      },
      LoggedIn: () => ({ failed: [] }),
    })`;
    const at = (account: string, type: string, second: number) =>
      event(account, type, {}, { created: new Date(Date.UTC(2026, 0, 1, 0, 0, second)) });
    const failed = (account: string, second: number) => at(account, 'LoginFailed', second);
    const quiet = [
      failed('account-1', 0),
      failed('account-1', 1),
      at('account-1', 'LoggedIn', 2),
      failed('account-1', 3),
    ];
    const slow = [failed('account-2', 10), failed('account-2', 50), failed('account-2', 75)];
    const fast = [failed('account-2', 80)];
    expect(await emissionsOf(source, ...quiet, ...slow)).toEqual([]);
    expect(await emissionsOf(source, ...quiet, ...slow, ...fast)).toEqual([
      { stream: 'alarms', type: 'AccountAttacked', data: { account: 'account-2', times: 3 } },
    ]);
  });

  test('makes results of states, leaves some out, and says where they go', async () => {
    const source = `options({ resultStreamName: 'averages' })
      fromAll().partitionBy((e) => e.body.sensor).when({
        $init: () => ({ sum: 0, count: 0 }), Read(s, e) { s.sum += e.body.celsius; s.count++ },
      })
      .filterBy((s) => s.count > 1)
      .transformBy((s) => ({ average: s.sum / s.count }))
      .outputTo('averages', 'average-{0}')`;
    const read = (sensor: string, celsius: number) => event('readings', 'Read', { sensor, celsius });
    const readings = [read('a', 10), read('a', 20), read('b', 3), read('a', 15), read('a', 3)];
    const { results, emissions } = await testProjection(source, readings);
    expect(Object.fromEntries(results)).toEqual({ a: { average: 12 } });
    // The third reading of a does not change its average.
    expect(emissions).toMatchObject([
      { position: 2n, kind: 'emit', stream: 'average-a', type: 'Result', data: { average: 15 } },
      { position: 5n, kind: 'emit', stream: 'average-a', type: 'Result', data: { average: 12 } },
    ]);
  });

  test('writes each state to a stream that is named after the projection, once it has changed', async () => {
    const counting = (more: string) =>
      `fromAll()${more}.when({ $init: () => ({ n: 0 }), Added(s) { s.n++ }, Looked() {}, Ended: () => null }).outputState()`;
    const events = [
      event('a', 'Added'),
      event('a', 'Looked'),
      event('b', 'Added'),
      event('a', 'Ended'),
      event('a', 'Added'),
    ];
    const written = async (source: string) =>
      (await testProjection(source, events, { name: 'counts' })).emissions.map(({ stream, data }) => [stream, data]);
    expect(await written(counting(''))).toEqual([1, 2, 1].map((n) => ['projections-counts-result', { n }]));
    expect(await written(counting('.foreachStream()'))).toEqual(
      ['a', 'b', 'a'].map((stream) => [`projections-counts-${stream}-result`, { n: 1 }]),
    );
    expect(await written(`options({ resultStreamName: 'all' });${counting('.foreachStream()')}`)).toEqual(
      ['a', 'b', 'a'].map((stream) => [`all-${stream}`, { n: 1 }]),
    );
    await expect(written(`options({ resultStreamName: '$all' });${counting('')}`)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('streams that begin with "$"'),
    });
  });

  test('stops at the event whose result cannot be made, as at one whose handler throws', async () => {
    const source = `fromAll().when({ $init: () => ({}), Set(s, e) { s.n = e.data.n } }).transformBy((s) => s.n.toFixed(1)).outputState()`;
    const events = [1, 'x', 3].map((n) => event('a', 'Set', { n }));
    await expect(testProjection(source, events)).rejects.toMatchObject({
      details: { kind: 'threw', position: 2n, line: 1 },
    });
  });

  test('cleans up when a stream is deleted', async () => {
    const source = `fromAll().foreachStream().when({
      $init: () => ({ open: true }), Opened() {}, $deleted(s, e) { emit('closed', 'Closed', { stream: e.streamId }); return null },
    })`;
    const deleted = event('$$account-1', '$streamTombstoned', undefined);
    const tested = await testProjection(source, [event('account-1', 'Opened'), event('account-2', 'Opened'), deleted]);
    expect([...tested.states.keys()]).toEqual(['account-2']);
    expect(tested.emissions).toMatchObject([{ stream: 'closed', data: { stream: 'account-1' } }]);
  });

  test('looks at an event in every form it has', async () => {
    const source = `fromAll().when({ $init: () => [], $any(s, e) {
      s.push([e.isJson, e.bodyRaw, e.metadataRaw, e.sequenceNumber, e.eventType, e.metadata && e.metadata.$correlationId])
    } })`;
    const text = event('notes', 'Noted', 'plain', { contentType: 'text/plain' });
    const json = event('notes', 'Noted', { a: 1 }, { metadata: { $correlationId: 'c-1' } });
    expect((await testProjection(source, [text, json])).state).toEqual([
      [false, 'plain', '', 0, 'Noted', null],
      [true, '{"a":1}', '{"$correlationId":"c-1"}', 1, 'Noted', 'c-1'],
    ]);
  });

  test('takes the options that there are', async () => {
    const source = `options({
        $includeLinks: true, reorderEvents: false, processingLag: 0, resultStreamName: 'r', includeOwnEmissions: false,
      })
      fromStreams(['a', 'b']).when({ $init: () => 0, $any: (count) => count + 1 }).outputState()`;
    expect((await testProjection(source, [event('a', 'A'), event('c', 'A'), event('b', 'A')])).state).toBe(2);
  });
});
