import { expect, test } from 'vitest';
import { encodeFoundingRecord } from '../../src/peer/founding-codec.ts';
import { Joining } from '../../src/peer/joining.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { logging } from './support.ts';

const me = { nodeId: 'n2', directoryId: Buffer.alloc(16, 2), address: '127.0.0.1:2', peerAddress: '127.0.0.1:2' };

test('what is handed over and is no founding record is refused, and the node goes on asking to join [C7]', async () => {
  const joining = new Joining({
    ...{ me, knownFeatureLevel: 1, addresses: () => [], clusterId: () => new Uint8Array(0) },
    ...{ clock: systemClock, logger: logging().logger, signal: new AbortController().signal },
  });
  const clusterId = new Uint8Array(0);
  expect(() => joining.take({ record: new Uint8Array(0), clusterId })).toThrow(/cluster_id/);
  const founder = { ...me, nodeId: 'n1', directoryId: Buffer.alloc(16, 1) };
  const record = encodeFoundingRecord({
    ...{ clusterId: Buffer.alloc(16, 7), members: [founder], createdUs: 1, featureLevel: 1 },
  });
  joining.take({ record, clusterId });
  expect((await joining.member()).record).toEqual(record);
});
