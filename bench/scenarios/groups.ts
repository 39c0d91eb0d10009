import type { Group } from '../harness/scenario.ts';
import { appends } from './append.ts';
import { failover } from './failover.ts';
import { growth } from './growth.ts';
import { reads } from './read.ts';
import { rebuilds } from './rebuild.ts';
import { subscriptions } from './subscribe.ts';

/** What is measured, in this order. */
export const GROUPS: readonly Group[] = [appends, reads, subscriptions, failover, rebuilds, growth];
