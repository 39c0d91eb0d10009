import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '../support/wait.ts';
import { environmentOf, type Overlay, render } from './manifests.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Where the scripts of the image come from; they stand in its /app, beside the program. */
const SCRIPTS = ['own-address.mjs', 'pod.mjs', 'pod-start.mjs', 'pre-stop.mjs', 'siblings.mjs', 'stateful-set.mjs'];
const TOKEN = 'a token of the service account';

/**
 * The pods of a StatefulSet without Kubernetes: each is a process that runs what the rendered manifests say, with the
 * environment that they say, on an address of the loopback of its own, and keeps its volume. What is played here is the
 * StatefulSet's controller (pods in parallel, preStop before SIGTERM) and the one question that a pod may ask Kubernetes.
 */
export class Pods {
  /** What the pods have said. */
  readonly output: string[] = [];
  /** Whether Kubernetes answers what it is asked. */
  answers = true;
  private readonly directory = mkdtempSync(join(tmpdir(), 'factstore-pods-'));
  // biome-ignore lint/suspicious/noExplicitAny: it is read as Kubernetes reads it.
  private set: any;
  private settings: Record<string, string> = {};
  private readonly running = new Map<number, ChildProcess>();
  private readonly api: Server;
  private replicas = 0;

  private constructor(overlay: Overlay) {
    this.read(overlay);
    const app = join(this.directory, 'app');
    mkdirSync(app);
    for (const script of SCRIPTS) copyFileSync(join(ROOT, 'deploy', script), join(app, script));
    symlinkSync(join(ROOT, 'dist'), join(app, 'dist'));
    const account = join(this.directory, 'account');
    mkdirSync(account);
    const [key, certificate] = [join(this.directory, 'key.pem'), join(account, 'ca.crt')];
    const request = ['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const names = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
    execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
    writeFileSync(join(account, 'token'), TOKEN);
    writeFileSync(join(account, 'namespace'), 'prod');
    this.api = this.newApi(readFileSync(key), readFileSync(certificate));
  }

  /** The StatefulSet of an overlay, with as many pods as it says, once they listen. */
  static async start(overlay: Overlay): Promise<Pods> {
    const pods = new Pods(overlay);
    pods.api.listen(0, '127.0.0.1');
    await once(pods.api, 'listening');
    await pods.scale(pods.set.spec.replicas);
    const live = ([ordinal]: [number, unknown]) => fetch(`http://${pods.address(ordinal)}:2113/livez`);
    await until('the pods listen', async () => (await Promise.all([...pods.running].map(live))).every(({ ok }) => ok));
    return pods;
  }

  /** What `kubectl scale` does. Resolves once the pods that go are gone. */
  async scale(replicas: number): Promise<void> {
    this.replicas = replicas;
    for (let ordinal = 0; ordinal < replicas; ordinal++) if (!this.running.has(ordinal)) this.startPod(ordinal);
    await Promise.all(
      [...this.running.keys()].filter((ordinal) => ordinal >= replicas).map((one) => this.stopPod(one)),
    );
  }

  /** What `kubectl apply` of another overlay does: more or fewer pods, and a rolling update of the rest. */
  async apply(overlay: Overlay): Promise<void> {
    this.read(overlay);
    const stay = [...this.running.keys()].filter((ordinal) => ordinal < this.set.spec.replicas);
    await this.scale(this.set.spec.replicas);
    for (const ordinal of stay.reverse()) await this.restart(ordinal);
  }

  /** What a rolling update, or a drain, does to a pod. */
  async restart(ordinal: number): Promise<void> {
    await this.stopPod(ordinal);
    this.startPod(ordinal);
  }

  /** The volume of a pod is lost with it, and both are made anew. */
  async loseVolume(ordinal: number): Promise<void> {
    const child = this.running.get(ordinal) as ChildProcess;
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(this.volume(ordinal), { recursive: true });
    this.startPod(ordinal);
  }

  /** For clients. */
  get url(): string {
    return `factstore://${[...this.running.keys()].map((ordinal) => `${this.address(ordinal)}:2113`).join(',')}`;
  }

  urlOf(ordinal: number): string {
    return `factstore://${this.address(ordinal)}:2113`;
  }

  volume(ordinal: number): string {
    return join(this.directory, `data-factstore-${ordinal}`);
  }

  async dispose(): Promise<void> {
    const children = [...this.running.values()].filter(({ exitCode, signalCode }) => exitCode === null && !signalCode);
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children.map((child) => once(child, 'exit')));
    this.api.close();
    rmSync(this.directory, { recursive: true });
  }

  private read(overlay: Overlay): void {
    const manifests = render(overlay);
    this.set = manifests.find(({ kind }) => kind === 'StatefulSet');
    this.settings = manifests.find(({ kind }) => kind === 'ConfigMap')?.data as Record<string, string>;
  }

  private startPod(ordinal: number): void {
    mkdirSync(this.volume(ordinal), { recursive: true });
    this.running.set(ordinal, this.run(ordinal, this.container.command));
  }

  private async stopPod(ordinal: number): Promise<void> {
    const child = this.running.get(ordinal) as ChildProcess;
    const graceMs = this.set.spec.template.spec.terminationGracePeriodSeconds * 1000;
    const late = setTimeout(() => child.kill('SIGKILL'), graceMs);
    const hook = this.run(ordinal, this.container.lifecycle.preStop.exec.command);
    const [code] = await once(hook, 'exit');
    if (code !== 0) this.output.push(`FailedPreStopHook factstore-${ordinal}`);
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    clearTimeout(late);
    if (child.exitCode !== 0) throw new Error(`factstore-${ordinal} ended with ${child.exitCode ?? child.signalCode}`);
    this.running.delete(ordinal);
  }

  private run(ordinal: number, [program, ...args]: string[]): ChildProcess {
    if (program !== 'node') throw new Error(`the image has no ${program}`);
    const paths = args.map((arg) => arg.replace(/^\/app\//, `${join(this.directory, 'app')}/`));
    const child = spawn(process.execPath, paths, { env: this.environment(ordinal), stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream as NodeJS.ReadableStream }).on('line', (line) => {
        this.output.push(`factstore-${ordinal} ${line}`);
      });
    }
    return child;
  }

  private environment(ordinal: number): Record<string, string> {
    const own = environmentOf(this.container.env, `factstore-${ordinal}`, this.settings);
    const { port } = this.api.address() as AddressInfo;
    const resolved = Object.entries(own).map(([name, value]) => {
      const text = value
        .replace(/factstore-(\d+)\.factstore-peers(\.prod\.svc)?/g, (_, one) => this.address(Number(one)))
        .replace('factstore-*.factstore-peers', this.address(0).replace(/0$/, '*'));
      return [name, text.replace('0.0.0.0', this.address(ordinal))];
    });
    return {
      ...Object.fromEntries(resolved),
      FACTSTORE_DATA: this.volume(ordinal),
      FACTSTORE_DISK_RESERVE_BYTES: '0',
      FACTSTORE_BALLAST_BYTES: '0',
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(port),
      SERVICE_ACCOUNT: join(this.directory, 'account'),
    };
  }

  // biome-ignore lint/suspicious/noExplicitAny: it is read as Kubernetes reads it.
  private get container(): any {
    return this.set.spec.template.spec.containers[0];
  }

  /** A network of its own for each run of the tests. */
  private address(ordinal: number): string {
    return `127.${1 + (process.pid % 250)}.${Math.floor(process.pid / 250) % 250}.${10 + ordinal}`;
  }

  private newApi(key: Buffer, cert: Buffer): Server {
    const { name } = this.set.metadata;
    return createServer({ key, cert }, (request, response) => {
      const known = request.headers.authorization === `Bearer ${TOKEN}` && this.answers;
      const asked = request.url === `/apis/apps/v1/namespaces/prod/statefulsets/${name}` && request.method === 'GET';
      response.statusCode = known && asked ? 200 : 403;
      response.end(JSON.stringify({ kind: 'StatefulSet', spec: { replicas: this.replicas } }));
    });
  }
}
