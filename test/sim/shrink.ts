import { drawPlan, FAULT_CLASSES, type PlanOptions } from './plan.ts';
import { Simulation } from './simulation.ts';

const LENGTHS = [0.5, 0.7, 0.85];

/**
 * The simplest run that still breaks the same promise: fewer nodes, fewer classes of faults, shorter; as the command that
 * replays it. What is left out changes the course of the run, so some of it may have to stay that has nothing to do with
 * the failure.
 */
export async function shrink(options: PlanOptions, violation: string): Promise<string> {
  let best = options;
  const fails = async (candidate: PlanOptions) => {
    const result = await new Simulation(drawPlan(candidate)).run();
    const same = result.violation !== undefined && kindOf(result.violation) === kindOf(violation);
    if (same) best = candidate;
    return same;
  };
  const { nodes } = drawPlan(options);
  for (const fewer of [1, 3].filter((size) => size < nodes)) if (await fails({ ...best, nodes: fewer })) break;
  const { without = [], often = [] } = options;
  const left = FAULT_CLASSES.filter((name) => !without.includes(name) && !often.includes(name));
  for (const name of left) await fails({ ...best, without: [...(best.without ?? []), name] });
  for (let shorter = true; shorter; ) {
    shorter = false;
    for (const factor of LENGTHS) {
      const { seconds } = drawPlan(best);
      shorter ||= await fails({ ...best, seconds: Math.round(seconds * factor * 100) / 100 });
    }
  }
  return commandOf(best);
}

/** The violation without its numbers and names, which differ from run to run. */
function kindOf(violation: string): string {
  return violation.replace(/\b(?:n|s|p|own|append|read|follow|produce|producer)-?\d+\b|[0-9a-f]{16,}|\d+/g, '#');
}

export function commandOf({ seed, nodes, seconds, profile, without = [], often = [] }: PlanOptions): string {
  const list = (names: readonly string[]) => (names.length > 0 ? names.join(',') : undefined);
  const flags = { seed, nodes, seconds, profile, without: list(without), often: list(often) };
  const given = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]));
  return `npm run sim -- ${given.join(' ')}`;
}
