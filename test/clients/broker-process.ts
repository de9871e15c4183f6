/**
 * A real broker process on a free port with a data folder of its own, as a person would start it. Used by the tests with
 * foreign clients, the crash tests and the benches' own tests; it knows the command line and nothing else of the broker.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout, whether we run from test/clients or, for the benches, from dist/test/clients. */
export const projectRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 20_000;
const CONNECT_RETRY_MS = 10;
const OUTPUT_CHARACTERS_MAX = 20_000;

export interface BrokerOptions {
  readonly dataFolder?: string;
  readonly port?: number;
  readonly arguments?: readonly string[];
  /** Another Node than the one that runs the tests. */
  readonly node?: string;
  /** All that the broker says goes into this file as well. */
  readonly outputFile?: string | undefined;
}

/** On the start screen of the broker. */
const SERVING = 'listening on';
const PORT_MIN = 12_000;
const PORT_MAX = 32_000;
const PORT_ATTEMPTS_MAX = 64;

export class BrokerProcess {
  readonly port: number;
  readonly dataFolder: string;
  /** From spawn to the first TCP connection that was taken. */
  startedAfterMs = 0;
  #child: ChildProcess;
  #output = '';
  #ownsFolder: boolean;

  private constructor(child: ChildProcess, port: number, dataFolder: string, options: BrokerOptions) {
    this.#child = child;
    this.port = port;
    this.dataFolder = dataFolder;
    this.#ownsFolder = options.dataFolder === undefined;
    const keep = (chunk: Buffer) => {
      if (options.outputFile !== undefined) appendFileSync(options.outputFile, chunk);
      this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
  }

  static async start(options: BrokerOptions = {}): Promise<BrokerProcess> {
    const beginMs = performance.now();
    const broker = await BrokerProcess.#spawned(options);
    await broker.#untilListening();
    broker.startedAfterMs = performance.now() - beginMs;
    return broker;
  }

  /** kill -9 so long after the process began, wherever its start is then. */
  static async killWhileStarting(options: BrokerOptions, afterMs: number, before: () => void): Promise<void> {
    const broker = await BrokerProcess.#spawned(options);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    broker.freeze();
    before();
    await broker.kill();
  }

  static async #spawned(options: BrokerOptions): Promise<BrokerProcess> {
    const main = join(projectRoot, 'dist', 'src', 'main.js');
    if (!existsSync(main)) throw new Error(`${main} is not there; run npm run setup first`);
    const port = options.port ?? (await freePort());
    const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'perfbroker-test-'));
    const fixed = ['--host', '127.0.0.1', '--port', String(port), '--data', dataFolder];
    const child = spawn(options.node ?? process.execPath, [main, ...fixed, ...(options.arguments ?? [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new BrokerProcess(child, port, dataFolder, options);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  async #untilListening(): Promise<void> {
    const deadlineMs = performance.now() + START_MS_MAX;
    // The port is bound before the data is open: the start screen tells that clients are served.
    while (!this.#output.includes(SERVING) || !(await canConnect(this.port))) {
      if (this.#child.exitCode !== null)
        throw new Error(`the broker ended with ${this.#child.exitCode}:\n${this.#output}`);
      if (performance.now() > deadlineMs) {
        this.#child.kill('SIGKILL');
        throw new Error(`the broker took no connection within ${START_MS_MAX} ms:\n${this.#output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, CONNECT_RETRY_MS));
    }
  }

  /** Asks the broker to stop and waits until it has. Returns its exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX);
    await ended;
    clearTimeout(timer);
    return this.#child.exitCode;
  }

  /** It runs no further, and ends by `kill` only. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** kill -9: what a crash of the process looks like to its files. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** Stops the broker and removes its data folder if it made it. A broker that ended by itself has much to explain. */
  async dispose(): Promise<void> {
    const endedWith = this.#child.exitCode ?? this.#child.signalCode;
    await this.stop();
    if (this.#ownsFolder) rmSync(this.dataFolder, { recursive: true, force: true });
    if (endedWith !== null && endedWith !== 0) {
      throw new Error(`the broker had ended by itself with ${endedWith}:\n${this.#output}`);
    }
  }
}

function findRoot(from: string): string {
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  throw new Error('package.json was not found above the tests');
}

/**
 * A port that nobody listens on, below the range from which the system takes the local ports of outgoing connections: a
 * broker that is started again on its port must not find one of the thousands of connections of another test there.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < PORT_ATTEMPTS_MAX; attempt++) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port between ${PORT_MIN} and ${PORT_MAX}`);
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

export function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
