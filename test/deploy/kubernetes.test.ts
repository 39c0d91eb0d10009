import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Role } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role';
import { RoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { afterAll, describe, expect, it } from 'vitest';
import { loadNodeOptions } from '../../src/config/load.ts';
import { cannotRender, environmentOf, type Manifest, OVERLAYS, type Overlay, render, source } from './manifests.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MODELS = {
  StatefulSet,
  NetworkPolicy,
  PodDisruptionBudget,
  ConfigMap,
  Service,
  ServiceAccount,
  Role,
  RoleBinding,
  ServiceMonitor,
} as const;
const MODULES: Readonly<Record<keyof typeof MODELS, string>> = {
  StatefulSet: 'kubernetes-models/apps/v1/StatefulSet',
  NetworkPolicy: 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy',
  PodDisruptionBudget: 'kubernetes-models/policy/v1/PodDisruptionBudget',
  ConfigMap: 'kubernetes-models/v1/ConfigMap',
  Service: 'kubernetes-models/v1/Service',
  ServiceAccount: 'kubernetes-models/v1/ServiceAccount',
  Role: 'kubernetes-models/rbac.authorization.k8s.io/v1/Role',
  RoleBinding: 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding',
  ServiceMonitor: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor',
};

// Within the tree, so that the compiler finds the packages.
const folder = mkdtempSync(join(ROOT, 'node_modules', '.manifests-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Throws where a value is not of its schema; a field that is misspelled passes. */
function validate(manifest: Manifest): void {
  const Model = MODELS[manifest.kind as keyof typeof MODELS];
  if (!Model) throw new Error(`there is no model of ${manifest.kind}`);
  new (Model as unknown as new (data: Manifest) => { validate(): void })(manifest).validate();
}

/** What the compiler says of the manifests as object literals of their kinds, where a misspelled field is an error. */
function compile(name: string, manifests: readonly Manifest[]): string {
  const file = join(folder, `${name}.ts`);
  const literals = manifests.map(({ kind }, n) => {
    const type = `import('${MODULES[kind as keyof typeof MODULES]}').I${kind}`;
    return `export const m${n}: ${type} = ${JSON.stringify(manifests[n], null, 2)};`;
  });
  writeFileSync(file, literals.join('\n'));
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2023'];
  try {
    const options = { encoding: 'utf8' as const, stdio: 'pipe' as const };
    execFileSync(join(ROOT, 'node_modules', '.bin', 'tsc'), [...flags, '--ignoreConfig', file], options);
    return '';
  } catch (error) {
    return String((error as { stdout: string }).stdout);
  }
}

type Labels = Readonly<Record<string, string>>;
interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { key: string; operator: string; values: string[] }[];
}
interface Policy {
  readonly podSelector: Selector;
  readonly ingress: readonly { from: { podSelector?: Selector }[]; ports: { port: string }[] }[];
}

/** Whether Kubernetes takes a pod of these labels for one of the selector's. */
function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  const labelled = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return (
    labelled &&
    matchExpressions.every(({ key, operator, values }) => operator === 'In' && values.includes(labels[key] ?? ''))
  );
}

const reason = cannotRender();
const rendered = (overlay: Overlay) => (reason === undefined ? render(overlay) : []);

describe.skipIf(reason !== undefined)(`the Kubernetes manifests${reason ? ` (not rendered: ${reason})` : ''}`, () => {
  const all = Object.fromEntries(Object.keys(OVERLAYS).map((name) => [name, rendered(name as Overlay)]));
  const find = (overlay: Overlay, kind: string, name = 'factstore') => {
    const found = all[overlay]?.find((m) => m.kind === kind && m.metadata.name.startsWith(name));
    if (!found) throw new Error(`${overlay} has no ${kind} ${name}`);
    // biome-ignore lint/suspicious/noExplicitAny: what it is made of is what is tested.
    return found as any;
  };

  it.each(Object.keys(OVERLAYS))('of overlay %s are valid, and have no field that does not exist', (name) => {
    const manifests = all[name] ?? [];
    expect(manifests.length).toBeGreaterThanOrEqual(9);
    for (const manifest of manifests) validate(manifest);
    expect(compile(name, manifests)).toBe('');
  });

  it('would be refused with a misspelled field, or a value of a wrong type', () => {
    const misspelled = structuredClone(find('three', 'StatefulSet'));
    misspelled.spec.template.spec.containers[0].readynessProbe = {};
    expect(() => validate(misspelled)).not.toThrow();
    expect(compile('misspelled', [misspelled])).toContain('readynessProbe');
    const wrong = structuredClone(find('three', 'StatefulSet'));
    wrong.spec.replicas = 'three';
    expect(() => validate(wrong)).toThrow();
  });

  it.each(Object.entries(OVERLAYS))('of overlay %s found a cluster of %d, by ordinal', async (name, count) => {
    const set = find(name as Overlay, 'StatefulSet');
    expect(set.spec.replicas).toBe(count);
    expect(set.spec.podManagementPolicy).toBe('Parallel');
    const settings = find(name as Overlay, 'ConfigMap', 'factstore-settings');
    const [container] = set.spec.template.spec.containers;
    expect(container.envFrom[0].configMapRef.name).toBe(settings.metadata.name);
    // Each pod's environment, as Kubernetes makes it, is a configuration that a node accepts.
    for (let ordinal = 0; ordinal < count; ordinal++) {
      const env = environmentOf(container.env, `factstore-${ordinal}`, settings.data);
      const options = await loadNodeOptions({}, env);
      expect(options.cluster).toHaveLength(count);
      expect(options.peerAdvertise).toEqual({ host: `factstore-${ordinal}.factstore-peers`, port: 2114 });
      expect(options.advertise).toEqual({ host: `factstore-${ordinal}.factstore-peers.prod.svc`, port: 2113 });
    }
  });

  it('fix no setting by the pod but those that follow from its name: all others can be merged', async () => {
    const [container] = find('three', 'StatefulSet').spec.template.spec.containers;
    const fixed = (container.env as { name: string }[])
      .map(({ name }) => name)
      .filter((name) => /^FACTSTORE_/.test(name));
    expect(fixed).toEqual(['FACTSTORE_NODE_ID', 'FACTSTORE_ADVERTISE', 'FACTSTORE_PEER_ADVERTISE']);
    for (const name of fixed) expect(readFileSync(join(ROOT, 'deploy/kubernetes/README.md'), 'utf8')).toContain(name);
    const settings = { ...find('three', 'ConfigMap', 'factstore-settings').data, FACTSTORE_LISTEN: '[::]:2113' };
    const options = await loadNodeOptions({}, environmentOf(container.env, 'factstore-0', settings));
    expect(options.listen).toEqual({ host: '::', port: 2113 });
  });

  it('tell probes apart: a node without a leader is live and not ready', () => {
    const [container] = find('three', 'StatefulSet').spec.template.spec.containers;
    expect(container.startupProbe.httpGet.path).toBe('/livez');
    expect(container.livenessProbe.grpc).toEqual({ port: 2113, service: 'factstore.v1.Cluster' });
    expect(container.readinessProbe.grpc).toEqual({ port: 2113 });
  });

  it('let nodes find each other before they are ready, and clients only the ready ones', () => {
    const peers = find('three', 'Service', 'factstore-peers');
    expect(peers.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
    expect(peers.metadata.name).toBe(find('three', 'StatefulSet').spec.serviceName);
    const clients = all.three?.find((m) => m.kind === 'Service' && m.metadata.name === 'factstore');
    expect(clients?.spec).not.toHaveProperty('publishNotReadyAddresses');
    const labels = find('three', 'StatefulSet').spec.template.metadata.labels;
    for (const service of [peers, clients]) expect(labels).toMatchObject(service.spec.selector);
  });

  it('never give up more than one node at a time, and none on the same machine', () => {
    expect(find('three', 'PodDisruptionBudget').spec.maxUnavailable).toBe(1);
    const { affinity } = find('three', 'StatefulSet').spec.template.spec;
    const [rule] = affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    expect(rule.topologyKey).toBe('kubernetes.io/hostname');
  });

  it('run as nobody special, on a file system that cannot be written, for as long as a stop takes', () => {
    const { spec } = find('three', 'StatefulSet').spec.template;
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000 });
    expect(spec.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    // What preStop takes at most, and a stop.
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(70 + 10);
  });

  it('let a pod read its own StatefulSet, and nothing else of Kubernetes', () => {
    const set = find('three', 'StatefulSet');
    const name = set.spec.template.spec.serviceAccountName;
    expect(find('three', 'ServiceAccount').metadata.name).toBe(name);
    const binding = find('three', 'RoleBinding');
    expect(binding.subjects).toEqual([{ kind: 'ServiceAccount', name }]);
    const role = find('three', 'Role');
    expect(binding.roleRef).toMatchObject({ kind: 'Role', name: role.metadata.name });
    expect(role.rules).toEqual([
      { apiGroups: ['apps'], resources: ['statefulsets'], resourceNames: [set.metadata.name], verbs: ['get'] },
    ]);
  });

  it.each(Object.keys(OVERLAYS))(
    'of overlay %s let clients by their label alone to their port, and bind no pod of others',
    (name) => {
      const policies = all[name]?.filter((m) => m.kind === 'NetworkPolicy').map((m) => m.spec as Policy) ?? [];
      const node = find(name as Overlay, 'StatefulSet').spec.template.metadata.labels;
      const client = { 'factstore-client': 'true' };
      for (const { podSelector } of policies) {
        expect(selects(podSelector, node)).toBe(true);
        for (const other of [{}, client, { 'app.kubernetes.io/name': 'shop' }]) {
          expect(selects(podSelector, other), JSON.stringify(other)).toBe(false);
        }
      }
      const portsOf = (labels: Labels) =>
        policies
          .flatMap(({ ingress }) => ingress)
          .filter(({ from }) => from.some(({ podSelector }) => podSelector && selects(podSelector, labels)))
          .flatMap(({ ports }) => ports.map(({ port }) => port));
      expect(portsOf(client)).toEqual(['client']);
      expect(portsOf({ 'factstore-client': 'false' })).toEqual([]);
      expect(portsOf(node).sort()).toEqual(['client', 'peer']);
    },
  );

  it('let Prometheus in where it is asked for, and nobody else to the port of the peers', () => {
    expect(find('three-monitored', 'ServiceMonitor').spec.endpoints[0].path).toBe('/metrics');
    expect(all.three?.some((m) => m.kind === 'ServiceMonitor')).toBe(false);
    const policies = all['three-monitored']?.filter((m) => m.kind === 'NetworkPolicy') ?? [];
    const labels = { 'app.kubernetes.io/name': 'factstore' };
    // biome-ignore lint/suspicious/noExplicitAny: what it is made of is what is tested.
    for (const rule of policies.flatMap((policy) => (policy.spec as any).ingress)) {
      const toPeers = rule.ports.some(({ port }: { port: string }) => port === 'peer');
      if (toPeers) expect(rule.from).toEqual([{ podSelector: { matchLabels: labels } }]);
    }
  });
});

describe('the base of the manifests', () => {
  it('is valid as it is written, also where nothing can be rendered', () => {
    const { resources } = source('base/kustomization.yaml');
    const manifests = (resources as string[]).map((file) => source(`base/${file}`));
    expect(
      compile(
        'base',
        manifests.filter(({ kind }) => kind !== 'StatefulSet'),
      ),
    ).toBe('');
    for (const manifest of manifests.filter(({ kind }) => kind !== 'StatefulSet')) validate(manifest);
  });
});
