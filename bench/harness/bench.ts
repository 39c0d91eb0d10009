import type { FactstoreCluster } from '../factstore/cluster.ts';
import { onEnd } from '../support/cleanup.ts';
import { Payloads } from '../support/payload.ts';
import type { Peer } from '../support/peer.ts';
import type { BenchOptions } from './options.ts';
import type { Fixture, System } from './scenario.ts';

export type Peers = Readonly<Record<'etcd' | 'nats', Peer>>;

type Release = () => Promise<void> | void;

/** What the scenarios of a group share: options, payloads, and the systems that have been started for them. */
export class Bench {
  readonly options: BenchOptions;
  readonly payloads: Payloads;
  /** The nodes that `--profile` looks at. */
  profiled: FactstoreCluster | undefined;
  private readonly systems = new Map<Fixture<never>, Promise<System>>();
  private readonly releases: Release[] = [];

  private readonly peers: Peers;

  constructor(options: BenchOptions, peers: Peers) {
    this.options = options;
    this.peers = peers;
    this.payloads = new Payloads(options.seed);
    onEnd(() => this.dispose());
  }

  /** The program of a peer that is here: scenarios of one that is missing are not prepared. */
  program(name: keyof Peers): string {
    const peer = this.peers[name];
    if (peer.version === undefined) throw new Error(`${name}: ${peer.why}`);
    return peer.program;
  }

  /** How long a load runs, unmeasured and measured. */
  get times(): { readonly warmUpMs: number; readonly measureMs: number } {
    return { warmUpMs: this.options.warmUpSeconds * 1000, measureMs: this.options.seconds * 1000 };
  }

  /** Started when it is first asked for. */
  use<S extends System>(fixture: Fixture<S>): Promise<S> {
    const key = fixture as unknown as Fixture<never>;
    const found = this.systems.get(key) ?? fixture.start(this);
    this.systems.set(key, found);
    return found as Promise<S>;
  }

  /** Registers what is to be ended or removed when the group is done; the last one first. */
  onEnd(release: Release): void {
    this.releases.push(release);
  }

  async dispose(): Promise<void> {
    for (let release = this.releases.pop(); release; release = this.releases.pop()) await release();
  }
}
