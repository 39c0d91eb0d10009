import type { Group } from '../harness/scenario.ts';
import { appends } from './append.ts';
import { failover } from './failover.ts';
import { reads } from './read.ts';

/** What is measured, in this order. */
export const GROUPS: readonly Group[] = [appends, reads, failover];
