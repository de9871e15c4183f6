/**
 * Apache Kafka itself, one node in KRaft mode, from the jars that install.mjs fetched: the peer whose folders we open and
 * against which these tests' own programs are checked. About 1 GB of memory while it runs; always stop it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canConnect, freePort, projectRoot } from './broker-process.ts';

const START_MS_MAX = 90_000;
const STOP_MS_MAX = 30_000;
const RETRY_MS = 100;
const CLUSTER_ID = '4L6g3nShT-eMCtK--X86sw';
export const javaFolder: string = join(projectRoot, '.cache', 'clients', 'java');
export const javaClassPath: string = `${join(javaFolder, 'classes')}:${join(javaFolder, 'lib', '*')}`;

/** For programs that end soon: half of the processor time of such a JVM goes to the second compiler and the collector. */
export const briefJvm: readonly string[] = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData'];
/** What a small Java program begins with; its class and its options follow. */
export const javaArguments: readonly string[] = ['-Xmx256m', ...briefJvm, '-cp', javaClassPath];

/** Which Kafka is started and how: the benches give it the memory and the flags of its own start script. */
export interface KafkaLaunch {
  readonly classPath: string;
  readonly jvmArguments: readonly string[];
  /** The folder stays when the process is disposed of: settings, data, and `kafka.log` with what it said. */
  readonly keepsFolder?: boolean;
}

export const smallLaunch: KafkaLaunch = {
  classPath: javaClassPath,
  jvmArguments: ['-Xmx768m', '-Xms256m', ...briefJvm],
};

export class KafkaProcess {
  readonly port: number;
  readonly folder: string;
  readonly dataFolder: string;
  readonly #launch: KafkaLaunch;
  #child: ChildProcess;

  private constructor(port: number, folder: string, launch: KafkaLaunch) {
    this.port = port;
    this.folder = folder;
    this.dataFolder = join(folder, 'data');
    this.#launch = launch;
    this.#child = this.#spawn();
  }

  /** `features` are levels that the cluster begins with, instead of the newest: `transaction.version=1`. */
  static async start(
    settings: Readonly<Record<string, string>> = {},
    features: readonly string[] = [],
    launch: KafkaLaunch = smallLaunch,
  ): Promise<KafkaProcess> {
    if (launch.classPath === javaClassPath && !existsSync(join(javaFolder, 'lib')))
      throw new Error('run node test/clients/install.mjs first');
    const folder = mkdtempSync(join(tmpdir(), 'perfbroker-kafka-'));
    const port = await freePort();
    mkdirSync(join(folder, 'data'));
    const file = join(folder, 'server.properties');
    writeFileSync(file, serverProperties(port, await freePort(), join(folder, 'data'), settings));
    const format = ['format', '-t', CLUSTER_ID, '-c', file, ...features.flatMap((feature) => ['--feature', feature])];
    execFileSync('java', [...briefJvm, '-cp', launch.classPath, 'kafka.tools.StorageTool', ...format], {
      stdio: 'ignore',
      timeout: START_MS_MAX,
    });
    const kafka = new KafkaProcess(port, folder, launch);
    await kafka.#untilConnected();
    return kafka;
  }

  #spawn(): ChildProcess {
    const { classPath, jvmArguments } = this.#launch;
    const file = join(this.folder, 'server.properties');
    const log = this.#launch.keepsFolder === true ? openSync(join(this.folder, 'kafka.log'), 'a') : null;
    const said = log ?? 'ignore';
    const child = spawn('java', [...jvmArguments, '-cp', classPath, 'kafka.Kafka', file], {
      stdio: ['ignore', said, said],
      cwd: this.folder,
    });
    if (log !== null) closeSync(log);
    return child;
  }

  async #untilConnected(): Promise<void> {
    const deadlineMs = performance.now() + START_MS_MAX;
    while (!(await canConnect(this.port))) {
      if (this.#child.exitCode !== null || performance.now() > deadlineMs) {
        await this.dispose();
        throw new Error('Apache Kafka did not start');
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Starts it again on its folder and port, once it has ended. Does not wait until it serves. */
  startAgain(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) throw new Error('Apache Kafka still runs');
    this.#child = this.#spawn();
  }

  /** kill -9. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
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
    if (this.#launch.keepsFolder !== true) rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whoever wants other listeners does not know yet which ports are free. */
function withPorts(text: string, port: number, controllerPort: number): string {
  return text.replaceAll('{port}', String(port)).replaceAll('{controller}', String(controllerPort));
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
    ...Object.fromEntries(Object.entries(more).map(([name, text]) => [name, withPorts(text, port, controllerPort)])),
  };
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}
