/**
 * Tests of projections, without a node: `factstore/testing`. It stands apart from the SDK, which runs no projections and
 * does not load what runs them.
 *
 * @packageDocumentation
 */
export { FactstoreError } from '../base/errors.ts';
export type { Upcaster, Upcasters } from '../client/upcasting.ts';
export type { TestEvent } from './given-events.ts';
export {
  type TestEmission,
  type TestedProjection,
  type TestProjectionOptions,
  testProjection,
} from './test-projection.ts';
