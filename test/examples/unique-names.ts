/**
 * User names that are unique, without a table of names and without a lock: 50 sign-ups race for ten names.
 *
 * The boundary of the decision is one tag. Nobody else's sign-up is in its way.
 */
import { connect, type FactstoreClient } from 'factstore';

type UserEvent =
  | { type: 'UserSignedUp'; data: { userId: string; name: string } }
  | { type: 'UserRenamed'; data: { userId: string; from: string; to: string } }
  | { type: 'UserClosed'; data: { userId: string; name: string } };

const nameTag = (name: string) => `name:${name.toLowerCase()}`;

/** Signs a user up; undefined: the name is taken. */
async function signUp(db: FactstoreClient, userId: string, name: string) {
  return db.decide<UserEvent>({ tags: [nameTag(name)] }, (events) => {
    let taken = false;
    for (const event of events) {
      if (event.type === 'UserSignedUp') taken = true;
      else if (event.type === 'UserRenamed') taken = event.data.to === name;
      else taken = false;
    }
    if (taken) return undefined;
    const data = { userId, name };
    return [{ stream: `user-${userId}`, events: [{ type: 'UserSignedUp', data, tags: [nameTag(name)] }] }];
  });
}

const db = await connect(process.env.FACTSTORE_URL ?? 'factstore://127.0.0.1:2113');
const names = ['ada', 'bob', 'cyd', 'dan', 'eve', 'fay', 'gus', 'hal', 'ivy', 'jon'];
const signUps = Array.from({ length: 50 }, (_, n) => signUp(db, `${n}`, names[n % names.length] as string));
const taken = (await Promise.all(signUps)).filter((result) => result === undefined).length;
console.log(`${50 - taken} signed up, ${taken} found their name taken`);

const signedUp = await db.query<UserEvent>({ types: ['UserSignedUp'] }).toArray();
const distinct = new Set(signedUp.map((event) => event.data && 'name' in event.data && event.data.name));
if (signedUp.length !== names.length || distinct.size !== names.length) throw new Error('a name was given twice');
await db.close();
