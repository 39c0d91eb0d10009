import type { ForwardedContext } from '../peer/forward-server.ts';
import type { AppendRoute } from '../server/append-routing.ts';

/** Lanes that are remembered, at most; the one that was quiet for longest is forgotten first. */
const LANES_MAX = 10_000;

/**
 * The lanes of forwarded appends: each stands for one call of a client at a follower, whose order is kept here as the
 * follower kept it (rule S4). Appends that came alone (lane 0) need no order.
 */
export class ForwardedLanes {
  private readonly routes = new Map<string, AppendRoute>();
  private readonly open: (patient: boolean) => AppendRoute;

  constructor(open: (patient: boolean) => AppendRoute) {
    this.open = open;
  }

  append(bytes: Uint8Array, context: ForwardedContext): Promise<Uint8Array> {
    const route = /\/0\/\d+$/.test(context.lane) ? this.open(false) : this.routeOf(context.lane);
    return route.append(bytes, context.deadlineMs, context.waitedMs);
  }

  private routeOf(lane: string): AppendRoute {
    const route = this.routes.get(lane) ?? this.open(true);
    this.routes.delete(lane);
    this.routes.set(lane, route);
    const [oldest] = this.routes.keys();
    if (this.routes.size > LANES_MAX && oldest !== undefined) this.routes.delete(oldest);
    return route;
  }
}
