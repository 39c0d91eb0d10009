// The one question that a pod may ask Kubernetes (base/role.yaml): what its StatefulSet is to be.
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { nodeId } from './pod.mjs';

const ACCOUNT = process.env.SERVICE_ACCOUNT ?? '/var/run/secrets/kubernetes.io/serviceaccount';
const [, name, own] = /^(.*)-(\d+)$/.exec(nodeId) ?? [];

/** Of this pod. */
export const ordinal = Number(own);

/** How many pods there are to be; 0 where the StatefulSet is deleted. Rejects where Kubernetes does not tell. */
export async function replicas() {
  return (await statefulSet())?.spec.replicas ?? 0;
}

/** The StatefulSet of this pod as Kubernetes has it now; undefined: it is deleted. */
function statefulSet() {
  const [token, ca, namespace] = ['token', 'ca.crt', 'namespace'].map((file) =>
    readFileSync(join(ACCOUNT, file), 'utf8'),
  );
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  const path = `/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}`;
  const options = { host, port, path, ca, headers: { authorization: `Bearer ${token}` }, timeout: 5_000 };
  return new Promise((resolve, reject) => {
    const answered = async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      if (response.statusCode === 404) return undefined;
      if (response.statusCode === 200) return JSON.parse(text);
      throw new Error(`Kubernetes answered ${response.statusCode} for ${path}: ${text}`);
    };
    const request = get(options, (response) => answered(response).then(resolve, reject));
    request.on('timeout', () => request.destroy(new Error(`Kubernetes did not answer at ${host}:${port}`)));
    request.on('error', reject);
  });
}
