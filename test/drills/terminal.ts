import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROGRAM, type ProcessCluster, type ProcessNode } from '../support/process-cluster.ts';

/** The addresses under which the page shows the nodes: those of `npm run cluster`. */
const SHOWN = [2113, 2123, 2133, 2143, 2153].map((port) => `127.0.0.1:${port}`);
const SHOWN_PEERS = [2114, 2124, 2134, 2144, 2154].map((port) => `127.0.0.1:${port}`);

/** What an operator types during a drill, and what comes back. */
export class Terminal {
  readonly cluster: ProcessCluster;
  private readonly bin: string;
  private readonly lines: string[] = [];

  constructor(cluster: ProcessCluster) {
    this.cluster = cluster;
    this.bin = mkdtempSync(join(tmpdir(), 'factstore-drill-'));
    const script = `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} "$@"\n`;
    writeFileSync(join(this.bin, 'factstore'), script, { mode: 0o755 });
  }

  get text(): string {
    return this.lines.join('\n');
  }

  /** Runs a command line and shows it with what it says; fails where its exit code is not the one expected. */
  async type(command: string, exit = 0): Promise<string> {
    const { code, output } = await this.run(command);
    this.lines.push(`$ ${this.masked(command)}`, ...(output === '' ? [] : [output]));
    if (exit !== 0) this.lines.push(`(exit code ${code})`);
    if (code !== exit) throw new Error(`"${command}" ended with ${code} instead of ${exit}:\n${output}`);
    return output;
  }

  /** What is done to a machine, said in a line that a shell takes for a comment. */
  say(text: string): void {
    this.lines.push(`# ${text}`);
  }

  dispose(): void {
    rmSync(this.bin, { recursive: true, force: true });
  }

  private run(command: string): Promise<{ code: number; output: string }> {
    const env = {
      ...process.env,
      PATH: `${this.bin}:${process.env.PATH}`,
      FACTSTORE_URL: this.cluster.url,
      NO_COLOR: '1',
    };
    return new Promise((resolve) => {
      execFile('bash', ['-c', this.meant(command)], { env, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
        const code = error ? Number(error.code ?? 1) : 0;
        resolve({ code, output: this.masked(`${stdout}${stderr}`).trimEnd() });
      });
    });
  }

  /** The page's addresses to those of this run, and back. */
  private meant(command: string): string {
    return this.replace(command, (node, n) => [SHOWN[n] as string, node.address]);
  }

  private masked(output: string): string {
    // In a table the columns behind it stay where they are.
    const shown = this.replace(
      this.replace(output, (node, n) => [`${node.address}  `, `${(SHOWN[n] as string).padEnd(node.address.length)}  `]),
      (node, n) => [node.address, SHOWN[n] as string],
    );
    return this.replace(shown, (node, n) => [node.peerAddress, SHOWN_PEERS[n] as string]).replace(
      /\/\S*\/factstore-cluster-[^/\s]+/g,
      '/var/lib/factstore',
    );
  }

  private replace(text: string, pair: (node: ProcessNode, n: number) => [string, string]): string {
    return this.cluster.nodes.reduce((result, node, n) => result.replaceAll(...pair(node, n)), text);
  }
}
