/**
 * Apache Kafka itself, one node in KRaft mode, from the jars that install.mjs fetched: the peer whose folders we open and
 * against which these tests' own programs are checked. About 1 GB of memory while it runs; always stop it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canConnect, freePort, projectRoot } from './broker-process.ts';

const START_MS_MAX = 90_000;
const STOP_MS_MAX = 30_000;
const RETRY_MS = 100;
const CLUSTER_ID = '4L6g3nShT-eMCtK--X86sw';
export const javaFolder: string = join(projectRoot, '.cache', 'clients', 'java');
export const javaClassPath: string = `${join(javaFolder, 'classes')}:${join(javaFolder, 'lib', '*')}`;

export class KafkaProcess {
  readonly port: number;
  readonly folder: string;
  readonly dataFolder: string;
  #child: ChildProcess;

  private constructor(child: ChildProcess, port: number, folder: string) {
    this.#child = child;
    this.port = port;
    this.folder = folder;
    this.dataFolder = join(folder, 'data');
  }

  /** `features` are levels that the cluster begins with, instead of the newest: `transaction.version=1`. */
  static async start(
    settings: Readonly<Record<string, string>> = {},
    features: readonly string[] = [],
  ): Promise<KafkaProcess> {
    if (!existsSync(join(javaFolder, 'lib'))) throw new Error('run node test/clients/install.mjs first');
    const folder = mkdtempSync(join(tmpdir(), 'perfbroker-kafka-'));
    const port = await freePort();
    mkdirSync(join(folder, 'data'));
    const file = join(folder, 'server.properties');
    writeFileSync(file, serverProperties(port, await freePort(), join(folder, 'data'), settings));
    const format = ['format', '-t', CLUSTER_ID, '-c', file, ...features.flatMap((feature) => ['--feature', feature])];
    execFileSync('java', ['-cp', javaClassPath, 'kafka.tools.StorageTool', ...format], {
      stdio: 'ignore',
      timeout: START_MS_MAX,
    });
    const child = spawn('java', ['-Xmx768m', '-Xms256m', '-cp', javaClassPath, 'kafka.Kafka', file], {
      stdio: 'ignore',
    });
    const kafka = new KafkaProcess(child, port, folder);
    const deadlineMs = performance.now() + START_MS_MAX;
    while (!(await canConnect(port))) {
      if (child.exitCode !== null || performance.now() > deadlineMs) {
        await kafka.dispose();
        throw new Error('Apache Kafka did not start');
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    return kafka;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX);
    await ended;
    clearTimeout(timer);
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function serverProperties(
  port: number,
  controllerPort: number,
  data: string,
  more: Readonly<Record<string, string>>,
): string {
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    ...more,
  };
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}
