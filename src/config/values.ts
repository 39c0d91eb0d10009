import { hostname } from 'node:os';

/** How values that a person writes are read. Each gives the value, or a text that says what is wrong with it. */

/** A host and a port, as in `10.0.0.7:2113`, `db.example:2113` or `[::1]:2113`. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A founder of the cluster and where its peers reach it. */
export interface ClusterMember extends Address {
  readonly nodeId: string;
}

/** What is wrong with a value, continuing a sentence that begins with its name. */
export class BadValue {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

export function formatAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Whether it means "every interface": good to listen on, useless to tell others. */
export function isWildcard(address: Address): boolean {
  return address.host === '0.0.0.0' || address.host === '::';
}

/** What others are told of an address that a node listens on: every interface is reached by the name of the machine. */
export function tellable(address: Address): Address {
  return isWildcard(address) ? { ...address, host: hostname() } : address;
}

/** Whether only this machine can connect to it. */
export function isLoopback({ host }: Address): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

const HOST = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[a-zA-Z0-9_.-]+)):(?<port>\d{1,5})$/;

export function parseAddress(text: string): Address | BadValue {
  const groups = HOST.exec(text.trim())?.groups;
  const host = groups?.v6 ?? groups?.name;
  if (host === undefined || (groups?.v6 !== undefined && !host.includes(':'))) {
    return new BadValue(`${show(text)} is not HOST:PORT, such as 127.0.0.1:2113`);
  }
  const port = Number(groups?.port);
  if (port > 65_535) return new BadValue(`${show(text)} has a port above 65535`);
  return { host, port };
}

/** `n1` and the like: 1 to 63 of letters, digits, `_`, `.` and `-`. */
export function isNodeId(text: string): boolean {
  return /^[a-zA-Z0-9_.-]{1,63}$/.test(text);
}

/** Takes `n1=host:port,n2=host:port`, or from YAML a mapping or a list of the same. */
export function parseCluster(value: unknown): readonly ClusterMember[] | BadValue {
  const members: ClusterMember[] = [];
  for (const part of clusterParts(value)) {
    const [id, address] = splitOnce(part, '=');
    if (address === undefined) return new BadValue(`${show(part)} is not ID=HOST:PORT, such as n1=127.0.0.1:2114`);
    if (!isNodeId(id))
      return new BadValue(`${show(id)} is not a node id (1 to 63 of letters, digits, "_", "." and "-")`);
    const parsed = parseAddress(address);
    if (parsed instanceof BadValue) return parsed;
    if (parsed.port === 0) return new BadValue(`${show(part)} has port 0, to which nobody can connect`);
    if (members.some((other) => other.nodeId === id)) return new BadValue(`names ${show(id)} twice`);
    const same = members.find((other) => formatAddress(other) === formatAddress(parsed));
    if (same) return new BadValue(`gives ${show(same.nodeId)} and ${show(id)} the same address`);
    members.push({ nodeId: id, ...parsed });
  }
  return members.length === 0 ? new BadValue('names no node') : members;
}

function clusterParts(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).map(([id, at]) => `${id}=${String(at)}`);
  return listParts(value);
}

/** Takes `host:port,host:port`, or from YAML a list. */
export function parseAddresses(value: unknown): readonly Address[] | BadValue {
  const addresses: Address[] = [];
  for (const part of listParts(value)) {
    const parsed = parseAddress(part);
    if (parsed instanceof BadValue) return parsed;
    if (parsed.port === 0) return new BadValue(`${show(part)} has port 0, to which nobody can connect`);
    addresses.push(parsed);
  }
  return addresses.length === 0 ? new BadValue('names no address') : addresses;
}

function listParts(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return String(value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index).trim(), text.slice(index + at.length)];
}

/** A whole number out of a flag's or a variable's text; anything else is left as it is, for the schema to refuse. */
export function numberFromText(value: unknown): unknown {
  return typeof value === 'string' && /^\s*\d{1,16}\s*$/.test(value) ? Number(value) : value;
}

/** `true` or `false` out of a text; anything else is left as it is. */
export function switchFromText(value: unknown): unknown {
  return value === 'true' || value === 'false' ? value === 'true' : value;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, kib: 1 << 10, mib: 1 << 20, gib: 1 << 30 };

/** As numberFromText, and also `64 MiB`. */
export function bytesFromText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const match = /^\s*(\d{1,16})\s*([a-z]*)\s*$/i.exec(value);
  const factor = UNITS[(match?.[2] ?? '').toLowerCase()];
  return match && factor !== undefined ? Number(match[1]) * factor : value;
}

/** A value as an error shows it: quoted, and cut where it is long. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
