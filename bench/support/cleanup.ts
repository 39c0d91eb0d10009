/** What must be ended or removed, whatever becomes of the run. */
type Release = () => Promise<void> | void;

const releases: Release[] = [];
let releasing: Promise<void> | undefined;

/** Registers something to be released at the end of the run, on Ctrl-C and on failure; the last one first. */
export function onEnd(release: Release): void {
  releases.push(release);
}

function releaseAll(): Promise<void> {
  releasing ??= (async () => {
    for (let release = releases.pop(); release; release = releases.pop()) {
      try {
        await release();
      } catch (error) {
        console.error('cleaning up:', error);
      }
    }
  })();
  return releasing;
}

/** Runs `main` and cleans up behind it: also behind Ctrl-C, SIGTERM and errors nobody caught. */
export async function runAndCleanUp(main: () => Promise<void>): Promise<void> {
  const stop = (code: number, error?: unknown) => {
    if (error !== undefined) console.error(error);
    releaseAll().then(() => process.exit(code));
  };
  process.once('SIGINT', () => stop(130));
  process.once('SIGTERM', () => stop(143));
  process.on('uncaughtException', (error) => stop(1, error));
  process.on('unhandledRejection', (error) => stop(1, error));
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error && process.env.DEBUG === undefined ? `bench: ${error.message}` : error);
    process.exitCode = 1;
  }
  await releaseAll();
}
