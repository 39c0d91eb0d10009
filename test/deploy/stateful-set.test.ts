import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const MODULE = new URL('../../deploy/stateful-set.mjs', import.meta.url);
/** Says what comes of the question; nothing, where the process ends of it. */
const PROGRAM = `
  const { replicas } = await import(${JSON.stringify(MODULE)});
  const said = await replicas().catch((error) => 'rejected: ' + error.message);
  console.log(String(said));
`;

/** What a script of a pod hears of Kubernetes, which answers like this. */
async function heard(answer: (response: ServerResponse) => void): Promise<string> {
  const account = mkdtempSync(join(tmpdir(), 'factstore-account-'));
  onTestFinished(() => rmSync(account, { recursive: true }));
  const [key, certificate] = [join(account, 'key.pem'), join(account, 'ca.crt')];
  const request = ['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const names = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  writeFileSync(join(account, 'token'), 'token');
  writeFileSync(join(account, 'namespace'), 'prod');
  const tls = { key: readFileSync(key), cert: readFileSync(certificate) };
  const api = createServer(tls, (_, response) => answer(response));
  onTestFinished(() => void api.close());
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
  const env = {
    FACTSTORE_NODE_ID: 'factstore-0',
    FACTSTORE_DATA: account,
    SERVICE_ACCOUNT: account,
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String((api.address() as AddressInfo).port),
  };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROGRAM], { env });
  return stdout.trim();
}

test.each([
  ['is told', (response: ServerResponse) => response.end('{"spec":{"replicas":3}}'), /^3$/],
  ['is gone', (response: ServerResponse) => response.writeHead(404).end('{}'), /^0$/],
  ['is refused', (response: ServerResponse) => response.writeHead(403).end('no'), /^rejected: .*answered 403/],
  ['is no JSON', (response: ServerResponse) => response.end('<html>'), /^rejected: /],
  [
    'breaks off',
    (response: ServerResponse) => response.writeHead(200).write('{"spec', () => response.destroy()),
    /^rejected: /,
  ],
])('a script of a pod lives on where what Kubernetes says of its StatefulSet %s', async (_, answer, outcome) => {
  expect(await heard(answer)).toMatch(outcome);
});
