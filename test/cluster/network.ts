import { Link } from './link.ts';

/** Every way between two nodes, by the one that dials and the one that is dialled. */
export class Network {
  private readonly ids: readonly string[];
  private readonly links: ReadonlyMap<string, Link>;

  private constructor(ids: readonly string[], links: ReadonlyMap<string, Link>) {
    this.ids = ids;
    this.links = links;
  }

  /** `ports`: where each node takes the connections of its peers. */
  static async open(ports: ReadonlyMap<string, number>): Promise<Network> {
    const links = new Map<string, Link>();
    for (const from of ports.keys()) {
      for (const [to, port] of ports) if (from !== to) links.set(key(from, to), await Link.open(port));
    }
    return new Network([...ports.keys()], links);
  }

  /** The port at which `from` reaches `to`. */
  port(from: string, to: string): number {
    return this.link(from, to).port;
  }

  /** From now on nothing that `from` sends reaches `to`, on the connections of either. */
  block(from: string, to: string): void {
    this.link(from, to).hold('out');
    this.link(to, from).hold('back');
  }

  /**
   * Everything passes again. What waited arrives late; with `reset`, the connections that were blocked end instead, as
   * they do when a router has forgotten them.
   */
  heal(reset: boolean): void {
    for (const link of this.links.values()) {
      if (reset && link.isHeld) link.reset();
      link.letGo('out');
      link.letGo('back');
    }
  }

  /** Nothing passes between nodes that `connected` does not join. */
  partition(connected: (from: string, to: string) => boolean): void {
    for (const from of this.ids) {
      for (const to of this.ids) if (from !== to && !connected(from, to)) this.block(from, to);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.links.values()].map((link) => link.close()));
  }

  private link(from: string, to: string): Link {
    const link = this.links.get(key(from, to));
    if (!link) throw new Error(`there is no way from ${from} to ${to}`);
    return link;
  }
}

function key(from: string, to: string): string {
  return `${from}>${to}`;
}
