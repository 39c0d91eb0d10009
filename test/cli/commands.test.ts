import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { parseObjectText } from '../../src/client/json-object.ts';
import { Collected, jsonLines, run } from './harness.ts';
import { MemoryStore } from './memory-store.ts';

async function storeWith(...streams: string[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const [i, stream] of streams.entries()) {
    const data = Buffer.from(JSON.stringify({ n: i }));
    await store.append([{ stream, expect: 'any', events: [{ type: 'Counted', data, tags: ['k:v'] }] }], {});
  }
  return store;
}

describe('wrong usage ends with exit code 2 and says what is wrong', () => {
  test.each([
    [['append', '--type', 'T'], "missing required argument 'STREAM'"],
    [['append', 's'], "required option '--type <TYPE>' not specified"],
    [['append', 's', '--type', 'T', '--data', '{bad'], '--data: is not JSON'],
    [['append', 's', '--type', 'T', '--metadata', 'x'], '--metadata: is not JSON'],
    [
      ['append', 's', '--type', 'T', '--expect', 'maybe'],
      '--expect: "maybe" is none of any, none, exists, or a revision',
    ],
    [['append', 's', '--type', 'T', '--expect', '9223372036854775808'], 'is beyond 2^63 - 1'],
    [['append', 's', '--type', 'T', '--append-id', 'x'], '--append-id: "x" is not a UUID'],
    [['append', 's', 't', '--type', 'T'], 'too many arguments'],
    [['read'], 'say what to read: a STREAM, or --all'],
    [['read', 's', '--all'], 'give a STREAM or --all, not both'],
    [['read', 's', '--user-events'], '--user-events goes with --all'],
    [['read', 's', '--from', '-1'], '--from: "-1" is not a whole number'],
    [['read', 's', '--from', '18446744073709551616'], 'is beyond 2^64 - 1'],
    [['read', 's', '--limit', '0'], '--limit: 0 is below 1'],
    [['read', 's', '--from', '1', '--from-time', '2026-01-01'], 'give one of --from'],
    [['read', 's', '--from-time', '2026-02-31'], '--from-time: "2026-02-31" is not a time'],
    [['read', 's', '--consistency', 'strong'], '--consistency: "strong" is none of'],
    [['read', 's', '--lmit', '1'], "unknown option '--lmit'\n(Did you mean --limit?)"],
    [['query'], 'say what to look for: --type, --tag'],
    [['query', 's'], 'too many arguments'],
    [['query', '--where', '[{'], '--where: is not JSON'],
    [['query', '--where', '7'], '--where: a list of items is expected'],
    [['query', '--where', '[]', '--tag', 'x'], 'give --where, or --type'],
    [['query', '--tag', 'x', '--limit', '0'], '--limit: 0 is below 1'],
    [['append', 's', '--type', 'T', '--after', '7'], '--after goes with --fail-if-events-match'],
    [['append', 's', '--type', 'T', '--fail-if-events-match', 'x'], '--fail-if-events-match: is not JSON'],
    [['subscribe', 's', '--tag', 'x'], 'stand alone: give no STREAM'],
    [['subscribe', '--all', '--type', 'T'], 'stand alone: give no STREAM'],
    [['subscribe', 's', '--lineage', '2aef7b09-5c26-438f-98b5-901364fa6eab'], '--lineage goes with --after'],
    [['subscribe', 's', '--after', '1', '--from-now'], 'give --after or --from-now, not both'],
    [['streams', 'get'], "missing required argument 'STREAM'"],
    [['import', '/nowhere/at/all'], '/nowhere/at/all: there is no such file'],
    [['import', '.'], '.: is a directory'],
    [['import', '-', '--id', ''], '--id: has 0 bytes'],
    [['serve', '--lissen', 'x'], 'Did you mean --listen?'],
    [['serve', '--listen', 'x'], 'config: --listen: "x" is not HOST:PORT'],
    [['apend'], '(Did you mean append?)'],
  ])('%j', async (argv, message) => {
    const result = await run(argv);
    expect(result.err).toContain(message);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toMatch(/^error: /);
  });

  test('with --json it is one JSON object on standard error', async () => {
    for (const argv of [
      ['append', 's', '--json'],
      ['read', 's', '--limit', 'x', '--json'],
      ['read', '--json', '--nonsense'],
    ]) {
      const { code, out, err } = await run(argv);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      const error = { code: 'INVALID_ARGUMENT', message: expect.any(String), definite: true, details: {} };
      expect(jsonLines(err)).toEqual([{ error }]);
    }
  });

  test('no command at all, or half a command, prints a help to standard error', async () => {
    for (const argv of [[], ['streams'], ['cluster'], ['scavenge']]) {
      const { code, out, err } = await run(argv);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toContain('Usage: factstore');
    }
  });
});

describe('help and version', () => {
  test('every command has a help with examples, and ends with 0', async () => {
    const commands = ['serve', 'append', 'read', 'query', 'subscribe', 'import', 'export'].map((name) => [name]);
    const streams = ['get', 'list', 'set', 'truncate', 'erase', 'delete', 'tombstone'].map((name) => ['streams', name]);
    const cluster = ['status', 'add', 'promote', 'remove', 'replace', 'move', 'transfer', 'raise-level'].map((name) => [
      'cluster',
      name,
    ]);
    const scavenge = ['start', 'status', 'stop'].map((name) => ['scavenge', name]);
    for (const command of [...commands, ...streams, ...cluster, ...scavenge]) {
      const { code, out, err } = await run([...command, '--help']);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toContain(`Usage: factstore ${command.join(' ')}`);
      expect(out).toMatch(new RegExp(`Examples:\\n {2}\\$ .*factstore ${command.join(' ')}`));
    }
  });

  test('the help of serve shows every key with its meaning, default and variable', async () => {
    const { out } = await run(['serve', '--help']);
    expect(out.replace(/\s+/g, ' ')).toContain(
      '--election-timeout-ms <ms> How long a follower waits for its leader before it asks for an election; at least 3 × heartbeatIntervalMs. (default: 1000; or FACTSTORE_ELECTION_TIMEOUT_MS)',
    );
  });

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await run(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });
});

describe('append', () => {
  test('answers with place, for people and for programs', async () => {
    const store = new MemoryStore();
    const first = await run(['append', 'order-1', '--type', 'OrderPlaced', '--data', '{"total": 12}'], { store });
    expect(first).toEqual({ code: 0, err: '', out: 'OrderPlaced appended to order-1 at revision 0, position 1\n' });
    const second = await run(['append', 'order-1', '--type', 'OrderPaid', '--expect', '0', '--json'], { store });
    expect(jsonLines(second.out)).toEqual([{ position: 2, revision: 1, repeated: false }]);
    expect(store.closed).toBe(2);
  });

  test('passes data on as it was written, with tags and metadata', async () => {
    const store = new MemoryStore();
    const data = '{"n": 12345678901234567890, "b": 1.0}';
    await run(
      ['append', 's', '--type', 'T', '--data', data, '--tag', 'a:1', '--tag', 'b', '--metadata', '{"by":"me"}'],
      {
        store,
      },
    );
    const [event] = store.events;
    expect(Buffer.from(event?.data ?? []).toString()).toBe(data);
    expect(Buffer.from(event?.metadata ?? []).toString()).toBe('{"by":"me"}');
    expect(event?.tags).toEqual(['a:1', 'b']);
  });

  test('reads data from standard input', async () => {
    const store = new MemoryStore();
    expect(await run(['append', 's', '--type', 'T', '--data', '-'], { store, stdin: '[1,2]\n' })).toMatchObject({
      code: 0,
    });
    expect(Buffer.from(store.events[0]?.data ?? []).toString()).toBe('[1,2]\n');
    expect(await run(['append', 's', '--type', 'T', '--data', '-'], { store, stdin: 'no' })).toMatchObject({ code: 2 });
    const latin1 = Buffer.from('{"city": "Zürich"}', 'latin1');
    expect(await run(['append', 's', '--type', 'T', '--data', '-'], { store, stdin: latin1 })).toEqual({
      code: 2,
      out: '',
      err: 'error: --data: standard input is not valid UTF-8\n',
    });
    expect(store.events).toHaveLength(1);
  });

  test('says that it was a repeat', async () => {
    const store = new MemoryStore();
    const argv = ['append', 's', '--type', 'T', '--append-id', '8C5C5CD6-3F0E-4F7F-9D5E-0B7D1C7F2A11'];
    await run(argv, { store });
    expect(jsonLines((await run([...argv, '--json'], { store })).out)).toEqual([
      { position: 1, revision: 0, repeated: true },
    ]);
  });

  test('a conflict ends with 1 and tells the actual state', async () => {
    const store = await storeWith('s');
    const result = await run(['append', 's', '--type', 'T', '--expect', 'none'], { store });
    expect(result).toEqual({
      code: 1,
      out: '',
      err: 'error: append to "s" refused: expected none, it is at 0. Nothing was written.\n',
    });
    const json = await run(['append', 's', '--type', 'T', '--expect', 'none', '--json'], { store });
    expect(jsonLines(json.err)).toMatchObject([
      { error: { code: 'CONFLICT', definite: true, details: { checks: [{ actualRevision: 0 }], position: 9 } } },
    ]);
  });

  test('what the node calls invalid is wrong usage', async () => {
    expect(await run(['append', '$x', '--type', 'T'])).toMatchObject({
      code: 2,
      err: 'error: stream: $x is reserved\n',
    });
  });
});

describe('exit codes', () => {
  test('a cluster that cannot be reached, or has no leader, ends with 3', async () => {
    for (const code of ['UNREACHABLE', 'NO_LEADER'] as const) {
      const connectError = new FactstoreError(code, 'no node answers: n1 (connection refused 127.0.0.1:2113)');
      const result = await run(['read', 's', '--json'], { connectError });
      expect(result.code).toBe(3);
      expect(jsonLines(result.err)).toMatchObject([{ error: { code } }]);
    }
  });

  test('the url comes from --url, else FACTSTORE_URL, else is this machine', async () => {
    const urls: string[] = [];
    const env = { FACTSTORE_URL: 'factstore://b:2' };
    await run(['read', 's', '--url', 'factstore://a:1'], { urls, env });
    await run(['read', 's'], { urls, env });
    await run(['read', 's'], { urls });
    expect(urls).toEqual(['factstore://a:1', 'factstore://b:2', 'factstore://127.0.0.1:2113']);
  });
});

describe('read', () => {
  test('shows a line for each event, without colours where no person looks', async () => {
    const store = await storeWith('a', 'b');
    const { out, code } = await run(['read', '--all'], { store });
    expect(code).toBe(0);
    expect(out).toBe(
      '     1  2026-02-13 16:26:40.000  a@0  Counted  {"n":0} #k:v\n' +
        '     2  2026-02-13 16:26:40.000  b@0  Counted  {"n":1} #k:v\n',
    );
  });

  test('takes places, limits and direction', async () => {
    const store = await storeWith('a', 'b', 'a', 'a');
    const positions = async (...argv: string[]) =>
      jsonLines((await run(['read', ...argv, '--json'], { store })).out).map(
        (e) => (e as { position: number }).position,
      );
    expect(await positions('a')).toEqual([1, 3, 4]);
    expect(await positions('a', '--from', '1')).toEqual([3, 4]);
    expect(await positions('--all', '--from', '3')).toEqual([3, 4]);
    expect(await positions('a', '--backwards', '--limit', '2')).toEqual([4, 3]);
    expect(await positions('none')).toEqual([]);
  });

  test('ends quietly once nobody reads its output any more', async () => {
    const store = await storeWith('a', 'a', 'a', 'a');
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    expect(await run(['read', 'a'], { store, stdout })).toMatchObject({ code: 0, err: '' });
  });

  test('says so where the output cannot be written', async () => {
    const store = await storeWith('a');
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('no space left'), { code: 'ENOSPC' })),
    });
    const { code, err } = await run(['read', 'a'], { store, stdout });
    expect({ code, err }).toEqual({ code: 1, err: 'cannot write to standard output: no space left\n' });
  });

  test('Ctrl-C ends it without a word', async () => {
    const store = await storeWith('a');
    const result = await run(['read', 'a'], { store, signal: AbortSignal.abort() });
    expect(result).toEqual({ code: 130, out: '', err: '' });
  });
});

describe('subscribe', () => {
  test('gives events and, for programs, where it has caught up; Ctrl-C ends it with 0', async () => {
    const store = await storeWith('a', 'b', 'a');
    const interrupt = new AbortController();
    const stdout = new Collected();
    stdout.onText = (text) => text.includes('caughtUp') && interrupt.abort();
    const argv = ['subscribe', 'a', '--after', '1', '--json'];
    expect(await run(argv, { store, stdout, signal: interrupt.signal })).toMatchObject({ code: 0, err: '' });
    expect(jsonLines(stdout.text)).toMatchObject([{ position: 3, stream: 'a' }, { caughtUp: 3 }]);
  });

  test('a checkpoint beyond the head ends with 1', async () => {
    const result = await run(['subscribe', '--all', '--after', '7']);
    expect(result).toEqual({ code: 1, out: '', err: 'error: after: position 7 is beyond the head, 0\n' });
  });
});

describe('streams get', () => {
  test('shows what is known of a stream', async () => {
    const store = await storeWith('a', 'a');
    expect((await run(['streams', 'get', 'a'], { store })).out).toMatch(/head revision +1\n/);
    expect(jsonLines((await run(['streams', 'get', 'a', '--json'], { store })).out)).toEqual([
      {
        stream: 'a',
        state: 'exists',
        headRevision: 1,
        firstRevision: 0,
        count: 2,
        lastPosition: 2,
        head: 2,
        created: '2026-02-13T16:26:40.000000Z',
        lastAppended: '2026-02-13T16:26:40.000001Z',
        metadata: null,
        metadataRevision: null,
      },
    ]);
  });

  test('metadata of a stream is shown as it was written, in one line', async () => {
    const store = await storeWith('a');
    const custom = parseObjectText('{"n": 9007199254740993,\n "z": 1.0}');
    const info = await store.stream('a');
    store.stream = async () => ({ ...info, metadata: { maxCount: 5n, custom }, metadataRevision: 0n });
    const shown = '{"maxCount":5,"custom":{"n": 9007199254740993,  "z": 1.0}}';
    const json = (await run(['streams', 'get', 'a', '--json'], { store })).out;
    expect(json).toContain(`,"metadataRevision":0,"metadata":${shown}}\n`);
    expect(jsonLines(json)).toHaveLength(1);
    expect((await run(['streams', 'get', 'a'], { store })).out).toContain(`${shown}\n`);
  });

  test('of a stream without events ends with 1', async () => {
    const { code, err } = await run(['streams', 'get', 'none', '--json']);
    expect(code).toBe(1);
    expect(jsonLines(err)).toMatchObject([
      { error: { code: 'NOT_FOUND', definite: true, details: { stream: 'none' } } },
    ]);
  });
});

describe('cluster', () => {
  const store = new MemoryStore();
  const base = { directoryId: 'd', peerAddress: '', voter: true };
  const figures = {
    ...base,
    reachable: true as const,
    term: 4n,
    leader: 'n1',
    commitIndex: 9n,
    persistedIndex: 9n,
    chainHash: 'abcdef0123456789',
    version: '0.1.0',
    uptimeMs: 1n,
    notReady: '',
    featureLevel: 1,
    knownFeatureLevel: 2,
  };
  store.members = [
    { nodeId: 'n1', address: 'a:1', role: 'leader', appliedIndex: 9n, head: 20n, lag: 0n, ...figures },
    { nodeId: 'n2', address: 'b:2', role: 'follower', appliedIndex: 7n, head: 15n, lag: 5n, ...figures },
    { nodeId: 'n3', address: 'c:3', ...base, reachable: false, unreachable: 'connection refused' },
  ];

  test('status shows each member, also those that do not answer', async () => {
    const { code, out } = await run(['cluster', 'status'], { store });
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.replace(/ {2,}/g, '|'))).toEqual([
      'cluster c1c1c1c1-0000-4000-8000-000000000000',
      'feature level 1',
      'NODE|ADDRESS|ROLE|TERM|COMMIT|APPLIED|HEAD|LAG|CHAIN',
      'n1|a:1|leader|4|9|9|20|0|abcdef012345',
      'n2|b:2|follower|4|9|7|15|5|abcdef012345',
      'n3|c:3|unreachable|-|-|-|-|-|-|connection refused',
      '',
    ]);
    const json = jsonLines((await run(['cluster', 'status', '--json'], { store })).out);
    expect(json).toMatchObject([
      { nodeId: 'n1', lag: 0 },
      { nodeId: 'n2', lag: 5 },
      { unreachable: 'connection refused' },
    ]);
  });

  test('status --watch goes on until it is interrupted, also while the cluster cannot be reached', async () => {
    const watched = new MemoryStore();
    watched.members = store.members;
    const answer = watched.status.bind(watched);
    let asked = 0;
    watched.status = async () => {
      asked++;
      if (asked === 2) throw new Error('no node answers');
      return answer();
    };
    const stdout = new Collected();
    const interrupt = new AbortController();
    stdout.onText = (text) => text.split('feature level').length === 3 && interrupt.abort();
    const { code } = await run(['cluster', 'status', '--watch', '1'], {
      store: watched,
      stdout,
      signal: interrupt.signal,
    });
    expect(code).toBe(0);
    const lines = stdout.text.split('\n').map((line) => line.replace(/^.*Z, every 1 s.*$/, 'TIME'));
    expect(lines.filter((line) => line === 'TIME')).toHaveLength(3);
    expect(lines.filter((line) => /^n1 .* leader/.test(line))).toHaveLength(2);
    expect(lines).toContain('no node answers');
    // Nothing that only a terminal understands goes to somebody who reads it later.
    expect(stdout.text).not.toContain('\u001b');
    expect(await run(['cluster', 'status', '--watch', 'soon'], { store: watched })).toMatchObject({ code: 2 });
  });

  test('scavenge status --watch shows the table again and again, as the nodes go on', async () => {
    const watched = new MemoryStore();
    let through = 0n;
    const figures = { state: 'running', point: 22n, to: 100n, events: 3n, bytes: 4096n } as const;
    watched.scavengeStatus = async () => {
      through += 25n;
      const waitsFor = through > 25n ? 'entry 50: it is missing' : '';
      const n1 = { nodeId: 'n1', address: '10.0.0.1:2113', reachable: true, ...figures, through, waitsFor } as const;
      return [n1, { nodeId: 'n2', address: '10.0.0.2:2113', reachable: false, unreachable: 'connection refused' }];
    };
    const stdout = new Collected();
    const interrupt = new AbortController();
    stdout.onText = (text) => text.split('PROGRESS').length === 3 && interrupt.abort();
    const options = { store: watched, stdout, signal: interrupt.signal };
    expect(await run(['scavenge', 'status', '--watch', '1'], options)).toMatchObject({ code: 0 });
    const lines = stdout.text.split('\n').map((line) => line.replace(/ +/g, ' ').trim());
    expect(lines.filter((line) => line.startsWith('n1'))).toEqual([
      'n1 10.0.0.1:2113 running 22 25 % 3 events 4096 bytes',
      'n1 10.0.0.1:2113 running 22 50 % 3 events 4096 bytes waits for what it has lost: entry 50: it is missing',
    ]);
    expect(lines.filter((line) => /^n2 .* unreachable .* connection refused$/.test(line))).toHaveLength(2);
    const once = await run(['scavenge', 'status', '--json'], { store: watched });
    expect(jsonLines(once.out)).toMatchObject([{ nodeId: 'n1', through: 75 }, { nodeId: 'n2' }]);
    for (const flag of ['0', 'soon'])
      expect(await run(['scavenge', 'status', '--watch', flag], { store: watched })).toMatchObject({ code: 2 });
    for (const word of ['start', 'stop'])
      expect(await run(['scavenge', word, '--append-id', 'one'], { store: watched })).toMatchObject({ code: 2 });
  });

  test('status says when the feature level can be raised: once all members have answered and know a higher one [S16]', async () => {
    const all = new MemoryStore();
    all.members = store.members.slice(0, 2);
    const { out } = await run(['cluster', 'status'], { store: all });
    expect(out.split('\n')[1]).toBe('feature level 1 (all members know 2: factstore cluster raise-level)');
  });

  test('raise-level says at which level the cluster is then [S16]', async () => {
    const raised = await run(['cluster', 'raise-level', '3'], { store });
    expect(raised).toMatchObject({ code: 0, out: 'the cluster is at feature level 3 now\n' });
    const json = await run(['cluster', 'raise-level', '--json'], { store });
    expect(jsonLines(json.out)).toEqual([{ featureLevel: 2 }]);
    for (const level of ['0', '-1', 'all'])
      expect(await run(['cluster', 'raise-level', level])).toMatchObject({ code: 2 });
  });

  test('add, promote, remove and replace say who the members are then', async () => {
    const said = 'n1, n2 vote now; n4 learns\n';
    for (const change of [
      ['add', '10.0.0.4:2114'],
      ['promote', 'n4'],
      ['remove', 'n3'],
      ['replace', 'n3', 'n4'],
    ])
      expect(await run(['cluster', ...change], { store })).toMatchObject({ code: 0, out: said });
    expect(store.changes).toEqual(['add 10.0.0.4:2114', 'promote n4', 'remove n3', 'replace n3 n4']);
    const json = await run(['cluster', 'remove', 'n3', '--json'], { store });
    expect(jsonLines(json.out)).toEqual([{ voters: ['n1', 'n2'], learners: ['n4'] }]);
    expect(await run(['cluster', 'replace', 'n3'], { store })).toMatchObject({ code: 2 });
  });

  test('transfer names the new leader', async () => {
    expect(await run(['cluster', 'transfer', 'n3'], { store })).toMatchObject({ code: 0, out: 'n3 leads now\n' });
  });
});
