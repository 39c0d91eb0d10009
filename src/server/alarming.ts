import { adminService, clusterService, projectionsService } from '../proto/load.ts';
import { eventsService, streamsService } from '../proto/services.ts';

// What alerts wake people by, told from the start as 0: Prometheus sees a counter rise only from a value that it has
// read before, so one that came into being with the first such call would not tell of it.

const METHODS = [eventsService, streamsService, projectionsService, clusterService, adminService].flatMap((service) =>
  Object.values(service).map(({ path }) => path),
);
const CODES = ['DATA_LOSS', 'INTERNAL', 'RESOURCE_EXHAUSTED'];

/** Ends of calls, by `method code`. */
export const ALARMING_CALLS: readonly string[] = METHODS.flatMap((method) => CODES.map((code) => `${method} ${code}`));

/** Codes with which appends of AppendStream calls are refused. */
export const ALARMING_REFUSALS: readonly string[] = ['OVERLOADED', 'DISK_RESERVE'];
