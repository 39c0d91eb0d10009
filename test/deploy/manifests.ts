import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

const DIRECTORY = fileURLToPath(new URL('../../deploy/kubernetes/', import.meta.url));
export const OVERLAYS = { single: 1, three: 3, 'three-monitored': 3, five: 5 } as const;
export type Overlay = keyof typeof OVERLAYS;

/** A manifest as it is rendered. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly [field: string]: unknown;
}

/** Why overlays cannot be rendered here; undefined: they can. */
export function cannotRender(): string | undefined {
  try {
    const version = execFileSync('kubectl', ['version', '--client', '--output', 'json'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const { kustomizeVersion = 'none' } = JSON.parse(version) as { kustomizeVersion?: string };
    return /^v[5-9]/.test(kustomizeVersion) ? undefined : `kubectl has kustomize ${kustomizeVersion}; 5 is needed`;
  } catch {
    return 'there is no kubectl';
  }
}

export function render(overlay: Overlay): Manifest[] {
  const text = execFileSync('kubectl', ['kustomize', `${DIRECTORY}overlays/${overlay}`], { encoding: 'utf8' });
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** A manifest of the base as it is written: what can be checked where nothing can be rendered. */
export function source(file: string): Manifest {
  return parse(readFileSync(`${DIRECTORY}${file}`, 'utf8')) as Manifest;
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

/** The variables of a pod's container, as Kubernetes puts them together. */
export function environmentOf(variables: readonly Variable[], pod: string, settings: Record<string, string>) {
  const fields: Record<string, string> = { 'metadata.name': pod, 'metadata.namespace': 'prod' };
  const env: Record<string, string> = { ...settings };
  for (const { name, value, valueFrom } of variables) {
    const text = value ?? fields[valueFrom?.fieldRef.fieldPath ?? ''] ?? '';
    env[name] = text.replace(/\$\((\w+)\)/g, (_, other: string) => env[other] ?? '');
  }
  return env;
}
