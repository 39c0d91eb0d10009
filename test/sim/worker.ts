import type { Order } from './many.ts';
import { drawPlan } from './plan.ts';
import { Simulation } from './simulation.ts';

/** Runs one order after another, and ends when there are no more. */
process.on('message', ({ plan }: Order) => {
  void new Simulation(drawPlan(plan)).run().then((result) => process.send?.(result));
});
