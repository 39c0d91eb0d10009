/** Waits for a condition of another process or of a background loop; fails with `what` once `ms` have passed. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 20_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  let problem: unknown;
  for (;;) {
    try {
      const result = await condition();
      if (result !== undefined && result !== false) return result;
    } catch (error) {
      problem = error;
    }
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`, { cause: problem });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
