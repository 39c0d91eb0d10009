/**
 * Money moves between two accounts, each a stream: one append writes to both, on condition that the payer's balance is
 * still what was decided on. The receiver's stream is not checked, since a deposit is right whatever else happened to it:
 * transfers to one account do not conflict.
 */
import { conflictOf, connect, type FactstoreClient, type RecordedEvent } from 'factstore';

type AccountEvent = { type: 'Deposited'; data: { amount: number } } | { type: 'Withdrawn'; data: { amount: number } };

function balanceOf(events: readonly RecordedEvent<AccountEvent>[]): number {
  return events.reduce((sum, { type, data }) => sum + (type === 'Deposited' ? data.amount : -data.amount), 0);
}

/** False: the payer has not enough. */
async function transfer(db: FactstoreClient, from: string, to: string, amount: number): Promise<boolean> {
  const done = await db.decide<AccountEvent>(
    // Only what lowers the balance can break the decision; deposits that come meanwhile do no harm.
    { streams: [`account-${from}`], types: ['Withdrawn'] },
    async () => {
      const events = await db.read<AccountEvent>(`account-${from}`).toArray();
      if (balanceOf(events) < amount) return undefined;
      return [
        { stream: `account-${from}`, events: [{ type: 'Withdrawn', data: { amount } }] },
        { stream: `account-${to}`, events: [{ type: 'Deposited', data: { amount } }] },
      ];
    },
    { attemptsMax: 100 },
  );
  return done !== undefined;
}

const db = await connect(process.env.FACTSTORE_URL ?? 'factstore://127.0.0.1:2113');
const accounts = ['ada', 'bob', 'cyd', 'dan', 'eve'];
for (const account of accounts) {
  await db.append<AccountEvent>(`account-${account}`, [{ type: 'Deposited', data: { amount: 100 } }], {
    expect: 'none',
  });
}

// 50 transfers at once around five accounts, more than any of them can pay.
const transfers = Array.from({ length: 50 }, (_, n) =>
  transfer(db, accounts[n % 5] as string, accounts[(n + 1) % 5] as string, 20 + (n % 7) * 5),
);
const paid = (await Promise.all(transfers)).filter(Boolean).length;
console.log(`${paid} of 50 transfers were paid`);

let total = 0;
for (const account of accounts) {
  let balance = 0;
  for await (const { type, data } of db.read<AccountEvent>(`account-${account}`)) {
    balance += type === 'Deposited' ? data.amount : -data.amount;
    if (balance < 0) throw new Error(`${account} was overdrawn`);
  }
  total += balance;
}
if (total !== 500) throw new Error(`${total} are left of 500`);

// Two accounts under one check each: exact revisions, for whoever wants to see everything that happened to both.
const [payer, receiver] = ['ada', 'bob'].map((account) => db.read(`account-${account}`).start());
const stale = (await receiver)?.revision;
await db.append('account-bob', [{ type: 'Deposited', data: { amount: 1 } }]);
try {
  await db.append([
    {
      stream: 'account-ada',
      expect: (await payer)?.revision ?? 0n,
      events: [{ type: 'Deposited', data: { amount: 1 } }],
    },
    { stream: 'account-bob', expect: stale ?? 0n },
  ]);
  throw new Error('the stale check must not hold');
} catch (error) {
  const conflict = conflictOf(error);
  if (!conflict) throw error;
  console.log(`refused: ${conflict.checks.map((check) => check.stream).join(', ')} has moved on`);
}
await db.close();
