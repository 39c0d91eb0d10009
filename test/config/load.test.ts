import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SETTINGS_PAGE, settingsPage } from '../../deploy/settings-page.ts';
import { FactstoreError } from '../../src/base/errors.ts';
import { clusterUrl, loadNodeOptions, loadSettings, nodeOptions } from '../../src/config/load.ts';
import { OPTION_INFOS } from '../../src/config/options.ts';
import { settingsObject, settingsYaml } from '../../src/config/print.ts';
import { nearest } from '../../src/config/suggest.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'factstore-config-'));
  file = join(directory, 'factstore.yaml');
});

afterEach(() => rmSync(directory, { recursive: true }));

async function refusal(flags: Record<string, string>, env: Record<string, string> = {}): Promise<string> {
  const error = await loadNodeOptions(flags, env).then(
    () => expect.fail('was accepted'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FactstoreError);
  return (error as FactstoreError).message;
}

/** The refusal of a file with these lines, with the file's path cut to its name. */
async function fileRefusal(...lines: string[]): Promise<string> {
  writeFileSync(file, lines.join('\n'));
  return (await refusal({ config: file })).replaceAll(`${directory}/`, '');
}

describe('where options come from', () => {
  test('with nothing said, a node stores in ./data and listens on this machine alone', async () => {
    const options = await loadNodeOptions({}, {});
    expect(options).toMatchObject({
      nodeId: 'n1',
      data: join(process.cwd(), 'data'),
      listen: { host: '127.0.0.1', port: 2113 },
      peerListen: { host: '127.0.0.1', port: 2114 },
      electionTimeoutMs: 1000,
      diskReserveBytes: 1 << 30,
    });
    expect(options.cluster).toBeUndefined();
  });

  test('flags win over variables, variables over the file, the file over defaults', async () => {
    writeFileSync(file, 'nodeId: from-file\nheartbeatIntervalMs: 110\nelectionTimeoutMs: 3000\nlogLevel: warn\n');
    const options = await loadNodeOptions(
      { config: file, nodeId: 'from-flag' },
      { FACTSTORE_NODE_ID: 'from-variable', FACTSTORE_HEARTBEAT_INTERVAL_MS: '120', PATH: '/bin' },
    );
    expect(options).toMatchObject({
      nodeId: 'from-flag',
      heartbeatIntervalMs: 120,
      electionTimeoutMs: 3000,
      logLevel: 'warn',
      tickIntervalMs: 50,
    });
  });

  test('FACTSTORE_CONFIG names the file', async () => {
    writeFileSync(file, '# nothing but a node id\nnodeId: 7\n');
    expect(await loadNodeOptions({}, { FACTSTORE_CONFIG: file })).toMatchObject({ nodeId: '7' });
  });

  test('an empty file says nothing', async () => {
    writeFileSync(file, '# all defaults\n');
    expect(await loadNodeOptions({ config: file }, {})).toMatchObject({ nodeId: 'n1' });
  });

  test('the url of the cluster is the flag, else FACTSTORE_URL, else this machine', () => {
    expect(clusterUrl('factstore://a:1', { FACTSTORE_URL: 'factstore://b:2' })).toBe('factstore://a:1');
    expect(clusterUrl(undefined, { FACTSTORE_URL: 'factstore://b:2' })).toBe('factstore://b:2');
    expect(clusterUrl(undefined, {})).toBe('factstore://127.0.0.1:2113');
  });

  test('variables that Kubernetes makes for a service called factstore are not taken for ours', async () => {
    const env = {
      FACTSTORE_PORT: 'tcp://10.0.0.1:2113',
      FACTSTORE_PORT_2113_TCP_ADDR: '10.0.0.1',
      FACTSTORE_SERVICE_HOST: '10.0.0.1',
      FACTSTORE_CLIENT_SERVICE_PORT_GRPC: '2113',
    };
    await expect(loadNodeOptions({}, env)).resolves.toBeDefined();
  });
});

describe('how values are written', () => {
  test('bytes may have a unit', async () => {
    const options = await loadNodeOptions({ diskReserveBytes: '512 MiB' }, { FACTSTORE_BALLAST_BYTES: '1024' });
    expect(options).toMatchObject({ diskReserveBytes: 512 << 20, ballastBytes: 1024 });
  });

  test('a cluster may be a text, a mapping or a list', async () => {
    const members = [
      { nodeId: 'n1', host: '10.0.0.1', port: 2114 },
      { nodeId: 'n2', host: '::1', port: 2124 },
    ];
    for (const cluster of [
      'n1=10.0.0.1:2114,n2=[::1]:2124',
      { n1: '10.0.0.1:2114', n2: '[::1]:2124' },
      ['n1=10.0.0.1:2114', 'n2=[::1]:2124'],
    ]) {
      expect((await nodeOptions({ cluster })).cluster).toEqual(members);
    }
    writeFileSync(file, 'cluster:\n  n1: 10.0.0.1:2114\n  n2: "[::1]:2124"\n');
    expect((await loadNodeOptions({ config: file }, {})).cluster).toEqual(members);
  });

  test('a founder tells others the address that the cluster gives it', async () => {
    const options = await nodeOptions({ cluster: 'n1=a:2114,n2=b:2114', listen: '0.0.0.0:2113', insecure: true });
    expect(options.peerAdvertise).toEqual({ host: 'a', port: 2114 });
    expect(options.advertise).toEqual({ host: 'a', port: 2113 });
  });

  test('a node listens beyond the loopback only where somebody says that it may', async () => {
    for (const listen of ['127.0.0.1:1', '127.8.8.8:1', '[::1]:1', 'localhost:1']) {
      await expect(loadNodeOptions({ listen }, {})).resolves.toBeDefined();
    }
    const env = { FACTSTORE_INSECURE: 'true', FACTSTORE_LISTEN: '0.0.0.0:2113', FACTSTORE_PEER_LISTEN: '[::]:2114' };
    expect(await loadNodeOptions({}, env)).toMatchObject({ insecure: true, listen: { host: '0.0.0.0' } });
  });

  test('limits can be lowered and not raised', async () => {
    expect(await nodeOptions({ eventBytesMax: 1000 })).toMatchObject({ eventBytesMax: 1000 });
    await expect(nodeOptions({ eventBytesMax: 20_000_000 })).rejects.toThrow(
      'config: eventBytesMax: 20000000 is above the most, 16777216 bytes',
    );
  });

  test('every key has a meaning, a unit, a default, a flag and a variable', () => {
    expect(OPTION_INFOS.length).toBeGreaterThan(20);
    for (const info of OPTION_INFOS) {
      expect(info.description, info.key).toMatch(/^[A-Z].*\.$/);
      expect(info.unit, info.key).not.toBe('');
      expect(info.defaultText, info.key).not.toBe('');
      expect(info.flag, info.key).toMatch(/^--[a-z-]+$/);
      expect(info.variable, info.key).toMatch(/^FACTSTORE_[A-Z_]+$/);
    }
  });
});

describe('the settings that apply', () => {
  const env = { FACTSTORE_NODE_ID: 'n2', FACTSTORE_CLUSTER: 'n1=a:1,n2=b:2', FACTSTORE_DISK_RESERVE_BYTES: '2 GiB' };

  test('are written with where each comes from', async () => {
    writeFileSync(file, 'logLevel: warn\n');
    const lines = settingsYaml(await loadSettings({ config: file, listen: '127.0.0.1:9' }, env)).split('\n');
    expect(lines).toContain('nodeId: "n2" # FACTSTORE_NODE_ID');
    expect(lines).toContain('listen: "127.0.0.1:9" # --listen');
    expect(lines).toContain(`logLevel: "warn" # logLevel in ${file}:1`);
    expect(lines).toContain('diskReserveBytes: 2147483648 # FACTSTORE_DISK_RESERVE_BYTES');
    expect(lines).toContain('connectionsMax: 1000 # default');
    expect(lines).toContain('# join: none');
  });

  test('are a file that gives the same settings', async () => {
    const settings = await loadSettings({}, env);
    writeFileSync(file, settingsYaml(settings));
    expect(await loadNodeOptions({ config: file }, {})).toEqual(settings.options);
    expect(await nodeOptions(settingsObject(settings.options))).toEqual(settings.options);
  });

  test('all stand in the reference page, which is made from the schema', () => {
    expect(readFileSync(SETTINGS_PAGE, 'utf8')).toBe(settingsPage());
  });
});

describe('what stops the start', () => {
  test('an unknown key is named with its line and the key that was meant', async () => {
    expect(await fileRefusal('nodeId: n1', '', '# a comment', 'electionTimeout: 500')).toBe(
      'config: unknown key "electionTimeout" in factstore.yaml:4; did you mean electionTimeoutMs?',
    );
  });

  test('a key that is near none is only called unknown', async () => {
    expect(await fileRefusal('colour: blue')).toBe('config: unknown key "colour" in factstore.yaml:1');
  });

  test('an unknown variable is named with the one that was meant', async () => {
    expect(await refusal({}, { FACTSTORE_NODEID: 'n2' })).toBe(
      'config: unknown variable FACTSTORE_NODEID; did you mean FACTSTORE_NODE_ID?',
    );
  });

  test('a bad value is named with where it was given', async () => {
    expect(await fileRefusal('', 'electionTimeoutMs: soon')).toBe(
      'config: electionTimeoutMs in factstore.yaml:2: "soon" is not a whole number of ms',
    );
    expect(await refusal({}, { FACTSTORE_CONNECTIONS_MAX: '1.5' })).toBe(
      'config: FACTSTORE_CONNECTIONS_MAX: "1.5" is not a whole number of connections',
    );
    expect(await refusal({ listen: '2113' })).toBe('config: --listen: "2113" is not HOST:PORT, such as 127.0.0.1:2113');
    expect(await refusal({ logLevel: 'loud' })).toBe(
      'config: --log-level: "loud" is none of debug, info, warn, error, silent',
    );
  });

  test.each([
    [{ nodeId: 'n 1' }, '--node-id: "n 1" is not 1 to 63 of letters'],
    [{ nodeId: '' }, '--node-id: "" is not 1 to 63'],
    [{ data: '' }, '--data: is empty'],
    [{ listen: 'a:70000' }, '--listen: "a:70000" has a port above 65535'],
    [{ advertise: '0.0.0.0:2113' }, '--advertise: "0.0.0.0:2113" is no address that others can connect to'],
    [{ advertise: 'a:0' }, '--advertise: "a:0" has port 0'],
    [{ peerListen: '127.0.0.1:2113' }, '--peer-listen'],
    [
      { electionTimeoutMs: '299' },
      '--election-timeout-ms: 299 ms is less than three times heartbeatIntervalMs (100 ms)',
    ],
    [{ tickIntervalMs: '200' }, '--tick-interval-ms: 200 ms is more than heartbeatIntervalMs (100 ms)'],
    [{ cluster: 'n2=a:1,n3=b:2' }, '--cluster: does not contain this node, "n1" (it names n2, n3)'],
    [{ cluster: 'n1=a:1,n1=b:2' }, '--cluster: names "n1" twice'],
    [{ cluster: 'n1=a:1,n2=a:1' }, '--cluster: gives "n1" and "n2" the same address'],
    [{ cluster: 'a:1' }, '--cluster: "a:1" is not ID=HOST:PORT'],
    [{ cluster: '' }, '--cluster: names no node'],
    [{ cluster: 'n1=a:1', join: 'b:2' }, '--join: excludes cluster'],
    [{ insecure: 'perhaps' }, '--insecure: "perhaps" is neither true nor false'],
    [{ listen: '0.0.0.0:2113' }, '--listen: 0.0.0.0:2113 can be reached from other machines'],
    [{ peerListen: '10.0.0.1:2114' }, '--peer-listen: 10.0.0.1:2114 can be reached from other machines'],
    [{ listen: '127.0.0.1.example:2113' }, '--listen: 127.0.0.1.example:2113 can be reached'],
    [{ join: 'b:2', listen: '0.0.0.0:2113', insecure: 'true' }, 'advertise: is needed: this node listens on 0.0.0.0'],
  ])('%j is refused', async (flags, message) => {
    expect(await refusal(flags as Record<string, string>)).toContain(`config: ${message}`);
  });

  test('all problems are named at once', async () => {
    expect((await fileRefusal('lisen: a:1', 'connectionsMax: -1')).split('\n')).toEqual([
      'config: unknown key "lisen" in factstore.yaml:1; did you mean listen?',
      'config: connectionsMax in factstore.yaml:2: -1 is below the least, 1 connections',
    ]);
  });

  test('a file that is not YAML, not a mapping, says a key twice or is not there', async () => {
    expect(await fileRefusal('a: 1', 'b: [')).toMatch(/^config: factstore\.yaml:2: /);
    expect(await fileRefusal('- a')).toBe('config: factstore.yaml:1: is not a mapping of keys to values');
    expect(await fileRefusal('nodeId: a', 'nodeId: b')).toMatch(/^config: factstore\.yaml:2: .*unique/);
    expect(await refusal({ config: join(directory, 'none.yaml') })).toMatch(
      /^config: cannot read .*none\.yaml: ENOENT/,
    );
  });
});

describe('suggestions', () => {
  test.each([
    ['electionTimeout', 'electionTimeoutMs'],
    ['ELECTION_TIMEOUT_MS', 'electionTimeoutMs'],
    ['heartbeetIntervalMs', 'heartbeatIntervalMs'],
    ['lissen', 'listen'],
    ['xyz', undefined],
    ['', undefined],
  ])('%j means %j', (given, meant) => {
    const keys = OPTION_INFOS.map((info) => info.key);
    expect(nearest(given, keys)).toBe(meant);
  });
});
