import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  clusterService,
  peerService,
  projectionsService,
  protoFiles,
  reflectedEvents,
  reflectedStreams,
} from '../../src/proto/load.ts';
import { eventsService, streamsService, type WireMethod } from '../../src/proto/services.ts';

const repository = join(import.meta.dirname, '../..');
const generated = join(repository, 'src/proto/gen');

/** The same options as in the script `proto:gen`. */
const options = ['--longs=Number', '--enums=String', '--defaults', '--oneofs', '--grpcLib=@grpc/grpc-js'];

function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return Object.fromEntries(files.sort().map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

test('the generated types are those of the .proto files: else run npm run proto:gen', () => {
  const folder = mkdtempSync(join(tmpdir(), 'factstore-gen-'));
  try {
    const tool = join(repository, 'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js');
    const more = ['--importFileExtension=.ts', '-I', 'proto', '-O', folder];
    execFileSync(process.execPath, [tool, ...options, ...more, ...protoFiles], { cwd: repository });
    expect(contents(generated)).toEqual(contents(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every service has the methods of its .proto file, with their paths and directions', () => {
  for (const [ours, theirs] of [
    [eventsService, reflectedEvents],
    [streamsService, reflectedStreams],
  ] as const) {
    expect(Object.keys(ours).sort()).toEqual(Object.keys(theirs).sort());
    for (const [name, method] of Object.entries(ours as Record<string, WireMethod<unknown, unknown>>)) {
      const { path, requestStream, responseStream } = method;
      expect(theirs[name]).toMatchObject({ path, requestStream, responseStream });
    }
  }
  expect(Object.keys(clusterService)).toEqual(['Status', 'TransferLeadership', 'ChangeMembers', 'RaiseFeatureLevel']);
  expect(Object.keys(projectionsService)).toEqual([
    ...['Create', 'Update', 'Change', 'List', 'Get', 'State', 'Partitions', 'Watch'],
  ]);
  expect(Object.keys(peerService).sort()).toEqual([
    'Entries',
    'Forward',
    'Found',
    'Identify',
    'Join',
    'Messages',
    'State',
    'StateDigests',
  ]);
});
