import type { Labelled, Readings } from './readings.ts';

/** How a projection is on this node. */
export interface ProjectionReading {
  readonly name: string;
  readonly state: (typeof STATES)[number];
  readonly lag: number;
  /** Appends that wait to be made. */
  readonly outbox: number;
  /** Of its sandbox; that of a generation that builds is not in it. */
  readonly memoryBytes: number;
  /** Events processed since its active generation was started here. */
  readonly processed: number;
}

const STATES = ['running', 'catchingUp', 'faulted', 'disabled'] as const;
/** Projections with figures of their own, at most: their names are chosen by clients, and each is a series to keep. */
export const PROJECTIONS_TOLD = 50;

/** All projections are counted by their state; the first so many of them are told of one by one. */
export function tellOfProjections(readings: Readings, all: () => readonly ProjectionReading[]): void {
  const each = (read: (projection: ProjectionReading) => number) => () =>
    all()
      .slice(0, PROJECTIONS_TOLD)
      .map((projection): Labelled => [projection.name, read(projection)]);
  readings.gauges('factstore_projections', 'Projections of this node that are in a state', 'state', () => {
    const projections = all();
    return STATES.map((state): Labelled => [state, projections.filter((one) => one.state === state).length]);
  });
  readings.counters(
    'factstore_projection_events_total',
    'Events that the projection has processed here; begins anew with each generation',
    ['projection'],
    () => [...each(({ processed }) => processed)()].map(([name, count]) => [[name], count]),
  );
  readings.gauges(
    'factstore_projection_lag_positions',
    'How many positions the projection has not looked at',
    'projection',
    each(({ lag }) => lag),
  );
  readings.gauges(
    'factstore_projection_faulted',
    '1: the projection stands still because of a fault (factstore projection status says which)',
    'projection',
    each(({ state }) => Number(state === 'faulted')),
  );
  readings.gauges(
    'factstore_projection_outbox_appends',
    'Appends of the projection that wait to be made',
    'projection',
    each(({ outbox }) => outbox),
  );
  readings.gauges(
    'factstore_projection_memory_bytes',
    'Memory of the sandbox of the projection here, which never shrinks',
    'projection',
    each(({ memoryBytes }) => memoryBytes),
  );
}
