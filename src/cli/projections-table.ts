import type { Output } from './io.ts';
import { jsonText } from './json.ts';
import type { ProjectionInfo, ProjectionOnMember, ProjectionProgress } from './store.ts';
import { tableText } from './table.ts';

const HEAD = ['STATE', 'GENERATION', 'CHECKPOINT', 'LAG', 'EVENTS/S', 'MEMORY', ''];

/** Projections, as one node has them. */
export function projectionTable(out: Output, all: readonly ProjectionInfo[]): Promise<string> {
  return tableText(
    out,
    ['NAME', ...HEAD],
    all.map((info) => [info.name, ...row(info)]),
  );
}

/** One projection, on every node. */
export function statusTable(out: Output, members: readonly ProjectionOnMember[]): Promise<string> {
  const rows = members.map((member) =>
    'info' in member
      ? [member.info.nodeId, ...row(member.info)]
      : [member.address, 'unreachable', '', '', '', '', '', member.unreachable],
  );
  return tableText(out, ['NODE', ...HEAD], rows);
}

/** A projection as JSON; its source only where it is asked for by name. */
export function projectionJson(info: ProjectionInfo, address?: string): string {
  const { active, building, ...rest } = info;
  return jsonText({
    ...(address !== undefined && { address }),
    ...rest,
    active: active ?? null,
    building: building ?? null,
  });
}

function row({ active, building, parked }: ProjectionInfo): string[] {
  if (!active) return ['not run here', '', '', '', '', '', ''];
  const { state, generation, checkpoint, lag, eventsPerSecond } = active;
  const numbers = [generation, checkpoint, lag, eventsPerSecond].map(String);
  return [
    stateText(state, active),
    ...numbers,
    memoryText(active.memoryBytes + (building?.memoryBytes ?? 0)),
    remarks(),
  ];

  function remarks(): string {
    const said: string[] = [];
    if (active?.fault) said.push(`before position ${active.fault.position}: ${active.fault.message}`);
    if (building) said.push(`generation ${building.generation} is at ${building.percent} %`);
    if (building?.fault)
      said.push(`and stands still before position ${building.fault.position}: ${building.fault.message}`);
    if (active?.waitsFor) said.push(`waits: ${active.waitsFor}`);
    if (active?.divergence) said.push(active.divergence);
    if (active && active.outbox > 0) said.push(`${active.outbox} appends to be made`);
    if (parked.length > 0) said.push(`${parked.length === 10 ? '10 or more' : parked.length} events parked`);
    return said.join('; ');
  }
}

function memoryText(bytes: number): string {
  return bytes === 0 ? '' : `${Math.ceil(bytes / (1 << 20))} MiB`;
}

function stateText(state: ProjectionProgress['state'], { percent }: ProjectionProgress): string {
  return state === 'catchingUp' ? `catching up, ${percent} %` : state;
}
