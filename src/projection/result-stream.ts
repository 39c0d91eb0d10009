import type { Emission, ProgramOptions } from './program.ts';

/** Gives results the stream that they are written to; all else has one already. */
export function withResultStreams(
  emissions: readonly Emission[],
  projection: string,
  options: ProgramOptions,
): readonly Emission[] {
  if (!emissions.some(({ resultOf }) => resultOf !== undefined)) return emissions;
  return emissions.map((emission) =>
    emission.resultOf === undefined
      ? emission
      : { ...emission, stream: resultStream(projection, options, emission.resultOf) },
  );
}

/** As the options name it; without them, after the projection. The partition is empty where there are none. */
function resultStream(
  projection: string,
  { resultStreamName, partitionResultStreamNamePattern }: ProgramOptions,
  partition: string,
): string {
  if (partition === '') return resultStreamName ?? `projections-${projection}-result`;
  if (partitionResultStreamNamePattern !== undefined) {
    return partitionResultStreamNamePattern.replaceAll('{0}', () => partition);
  }
  return resultStreamName === undefined
    ? `projections-${projection}-${partition}-result`
    : `${resultStreamName}-${partition}`;
}
