/** How far one subscription has looked. */
export interface OpenSubscription {
  lookedTo: number;
}

/** The subscriptions that are open on this node. */
export class OpenSubscriptions {
  private readonly open = new Set<OpenSubscription>();

  begin(after: number): OpenSubscription {
    const subscription = { lookedTo: after };
    this.open.add(subscription);
    return subscription;
  }

  end(subscription: OpenSubscription): void {
    this.open.delete(subscription);
  }

  get count(): number {
    return this.open.size;
  }

  /** How many positions the one that is furthest behind has not looked at. */
  lag(head: number): number {
    let lag = 0;
    for (const { lookedTo } of this.open) lag = Math.max(lag, head - lookedTo);
    return lag;
  }
}
