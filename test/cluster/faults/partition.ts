import { type Fault, type FaultKind, oneOf, type Stage, shuffled, victim } from './fault.ts';

/** Who still hears whom. */
interface Shape {
  readonly what: string;
  connected(from: string, to: string): boolean;
}

/** Two groups that do not hear each other. */
function halves(stage: Stage): Shape {
  const ids = shuffled(
    stage.random,
    stage.cluster.nodes.map(({ id }) => id),
  );
  const minority = new Set(ids.slice(0, (ids.length - 1) >> 1));
  return {
    what: `${[...minority].join(', ')} apart from the others`,
    connected: (from, to) => minority.has(from) === minority.has(to),
  };
}

function isolated(stage: Stage): Shape {
  const { id } = victim(stage);
  return { what: `${id} isolated`, connected: (from, to) => from !== id && to !== id };
}

/** A node that hears nobody, but is heard; or the other way round. */
function oneWay(stage: Stage): Shape {
  const { id } = victim(stage);
  return stage.random.between(0, 2) === 0
    ? { what: `${id} hears nobody`, connected: (_, to) => to !== id }
    : { what: `nobody hears ${id}`, connected: (from) => from !== id };
}

/** Two groups that hear each other only through the one node that hears all. */
function bridge(stage: Stage): Shape {
  const [middle = '', ...ids] = shuffled(
    stage.random,
    stage.cluster.nodes.map(({ id }) => id),
  );
  const left = new Set(ids.slice(0, ids.length >> 1));
  return {
    what: `${middle} a bridge between ${[...left].join(', ')} and the others`,
    connected: (from, to) => from === middle || to === middle || left.has(from) === left.has(to),
  };
}

/** Each node hears only its two neighbours: with five nodes everybody sees a majority, and no two the same one. */
function ring(stage: Stage): Shape {
  const ids = shuffled(
    stage.random,
    stage.cluster.nodes.map(({ id }) => id),
  );
  const beside = (from: string, to: string) => (ids.indexOf(from) - ids.indexOf(to) + ids.length) % ids.length;
  return {
    what: `a ring ${ids.join(', ')}`,
    connected: (from, to) => [1, ids.length - 1].includes(beside(from, to)),
  };
}

/** Some ways between two nodes are lost, each by itself, and at least one of them. */
function random(stage: Stage): Shape {
  const ids = stage.cluster.nodes.map(({ id }) => id);
  const ways = shuffled(
    stage.random,
    ids.flatMap((from) => ids.filter((to) => to !== from).map((to) => `${from}>${to}`)),
  );
  const lost = new Set(ways.slice(0, stage.random.between(1, 1 + Math.ceil(ways.length / 2))));
  return { what: `lost ways ${[...lost].join(', ')}`, connected: (from, to) => !lost.has(`${from}>${to}`) };
}

/** Nodes that do not hear each other, while clients hear them all. */
export const partition: FaultKind = {
  name: 'partition',
  networkOnly: true,
  unavailable: async () => undefined,
  draw(stage: Stage): Fault {
    const { network, nodes } = stage.cluster;
    // Of three nodes a ring joins all.
    const shapes =
      nodes.length > 3 ? [isolated, halves, oneWay, bridge, random, ring] : [isolated, halves, oneWay, bridge, random];
    const shape = oneOf(stage.random, shapes)(stage);
    const reset = stage.random.between(0, 2) === 0;
    return {
      what: shape.what,
      begin: async () => network.partition(shape.connected),
      heal: async () => network.heal(reset),
    };
  },
};
