import { collectDefaultMetrics, Registry } from 'prom-client';

let registry: Registry | undefined;

/**
 * CPU, memory, file descriptors, garbage collection and the delay of the event loop, under the names that every Node
 * program gives them. They are of the process, however many nodes run in it, and are measured from the first time that
 * somebody asks: a node that nobody watches pays nothing.
 */
export function processMetrics(): Registry {
  if (registry) return registry;
  registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
