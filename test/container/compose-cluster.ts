import { fileURLToPath } from 'node:url';
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers';
import { freePorts } from '../support/ports.ts';
import { until } from '../support/wait.ts';
import { buildImage, docker } from './docker.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const NODES = ['n1', 'n2', 'n3'] as const;
export type NodeId = (typeof NODES)[number];

/** The cluster of docker-compose.yml, on ports that are free, under a project of its own. */
export class ComposeCluster {
  readonly url: string;
  private readonly project: string;
  private readonly images: readonly [old: string, rebuilt: string];
  private readonly environment: Readonly<Record<string, string>>;
  private readonly started: StartedDockerComposeEnvironment;

  private constructor(
    project: string,
    images: readonly [string, string],
    environment: Record<string, string>,
    started: StartedDockerComposeEnvironment,
  ) {
    this.project = project;
    this.images = images;
    this.environment = environment;
    this.started = started;
    this.url = `factstore://${NODES.map((_, n) => `127.0.0.1:${environment[`FACTSTORE_PORT_${n + 1}`]}`).join(',')}`;
  }

  /** Builds the image and starts the cluster; resolves once every container is healthy. */
  static async start(): Promise<ComposeCluster> {
    const project = `factstore-test-${process.pid}`;
    const images = [`${project}:old`, `${project}:rebuilt`] as const;
    await buildImage(images[0], 'old');
    const ports = await freePorts(NODES.length);
    const environment = {
      FACTSTORE_IMAGE: images[0],
      FACTSTORE_DISK_RESERVE_BYTES: '128 MiB',
      ...Object.fromEntries(ports.map((port, n) => [`FACTSTORE_PORT_${n + 1}`, String(port)])),
    };
    const started = await new DockerComposeEnvironment(ROOT, 'docker-compose.yml')
      .withProjectName(project)
      .withEnvironment(environment)
      .withDefaultWaitStrategy(Wait.forHealthCheck())
      .up();
    return new ComposeCluster(project, images, environment, started);
  }

  /** As if its machine lost power: nothing is flushed or handed over. */
  async kill(node: NodeId): Promise<void> {
    await docker(['kill', await this.container(node)]);
  }

  /** A stop as it is meant; resolves with the exit code. */
  async stop(node: NodeId): Promise<number> {
    const container = await this.container(node);
    await docker(['stop', '--time', '20', container]);
    return Number(await docker(['inspect', '--format', '{{.State.ExitCode}}', container]));
  }

  async restart(node: NodeId): Promise<void> {
    await docker(['start', await this.container(node)]);
  }

  async disconnect(node: NodeId): Promise<void> {
    await docker(['network', 'disconnect', '--force', `${this.project}_default`, await this.container(node)]);
  }

  /** With the name under which the others know it: compose gives it when it makes the container, and only then. */
  async join(node: NodeId): Promise<void> {
    await docker(['network', 'connect', '--alias', node, `${this.project}_default`, await this.container(node)]);
  }

  async buildAnew(): Promise<void> {
    await buildImage(this.images[1], 'rebuilt');
  }

  /** Replaces the container by one of the rebuilt image, on the same volume; resolves once it is healthy. */
  async roll(node: NodeId): Promise<void> {
    await this.make(node, this.images[1]);
  }

  /** The container and its volume are gone, and made anew; resolves once it is healthy. */
  async wipe(node: NodeId): Promise<void> {
    const container = await this.container(node);
    await docker(['rm', '--force', container]);
    await docker(['volume', 'rm', `${this.project}_${node}`]);
    await this.make(node, this.images[0]);
  }

  private async make(node: NodeId, image: string): Promise<void> {
    const environment = { ...this.environment, FACTSTORE_IMAGE: image };
    await docker(
      ['compose', '--project-name', this.project, 'up', '--detach', '--no-deps', '--no-build', node],
      environment,
    );
    await this.healthy(node);
  }

  /** The label that tells the images apart. */
  async revision(node: NodeId): Promise<string> {
    const label = '{{index .Config.Labels "org.opencontainers.image.revision"}}';
    return docker(['inspect', '--format', label, await this.container(node)]);
  }

  async healthy(node: NodeId): Promise<void> {
    await until(
      `${node} is healthy`,
      async () =>
        (await docker(['inspect', '--format', '{{.State.Health.Status}}', await this.container(node)])) === 'healthy',
      60_000,
    );
  }

  /** What Kubernetes does before it stops a container. */
  async preStop(node: NodeId): Promise<void> {
    await docker(['exec', await this.container(node), 'node', '/app/pre-stop.mjs']);
  }

  /** Runs the CLI within a container. */
  async factstore(node: NodeId, ...args: readonly string[]): Promise<string> {
    return docker(['exec', await this.container(node), 'factstore', ...args]);
  }

  /** Removes everything that carries the label of this project. */
  async dispose(): Promise<void> {
    await this.started.down({ removeVolumes: true }).catch(() => undefined);
    const label = ['--filter', `label=com.docker.compose.project=${this.project}`];
    for (const [kind, remove] of [
      [
        ['ps', '--all'],
        ['rm', '--force', '--volumes'],
      ],
      [
        ['volume', 'ls'],
        ['volume', 'rm', '--force'],
      ],
      [
        ['network', 'ls'],
        ['network', 'rm'],
      ],
    ] as const) {
      const left = (await docker([...kind, '--quiet', ...label])).split('\n').filter((id) => id !== '');
      if (left.length > 0) await docker([...remove, ...left]);
    }
    for (const image of this.images) await docker(['image', 'rm', '--force', image]).catch(() => undefined);
  }

  private async container(node: NodeId): Promise<string> {
    const id = await docker([
      ...['ps', '--all', '--quiet', '--filter', `label=com.docker.compose.project=${this.project}`],
      ...['--filter', `label=com.docker.compose.service=${node}`],
    ]);
    if (id === '' || id.includes('\n')) throw new Error(`${node} of ${this.project} has these containers: "${id}"`);
    return id;
  }
}
