/**
 * The C programs of the benches: compiled with the system's compiler when their sources are newer, and started with
 * `--name value` options. Called by the bench mains; knows nothing of brokers or Kafka.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type ProgramName = 'load' | 'relay' | 'sink' | 'source' | 'ping' | 'ring' | 'sync';
export type ProgramOptions = Readonly<Record<string, string | number>>;

const PORT_WAIT_MS = 10_000;

/** The checkout: we run as bench/load/programs.ts in tests and as dist/bench/load/programs.js otherwise. */
export const checkoutFolder: string = findCheckout(dirname(fileURLToPath(import.meta.url)));

function findCheckout(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new Error('package.json was not found above the bench');
  }
}

/**
 * Returns the path of the compiled program. The compiler writes under a name of this process's own: two benches that start
 * at once never find a program that is half written, or still written to by the other.
 */
export function compileProgram(name: ProgramName): string {
  const sources = join(checkoutFolder, 'bench', name === 'load' || name === 'relay' ? 'load' : 'limits');
  const headers = join(checkoutFolder, 'bench', 'limits');
  const folder = join(checkoutFolder, '.cache', 'bench-programs');
  const program = join(folder, name);
  const newestMs = Math.max(...[sources, headers].map(newestSourceMs));
  if (existsSync(program) && statSync(program).mtimeMs >= newestMs) return program;
  mkdirSync(folder, { recursive: true });
  const compiler = process.env['CC'] ?? 'cc';
  const fresh = `${program}.${process.pid}`;
  execFileSync(compiler, ['-O2', '-o', fresh, join(sources, `${name}.c`), '-lpthread'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  renameSync(fresh, program);
  return program;
}

function newestSourceMs(folder: string): number {
  const files = readdirSync(folder).filter((file) => /\.[ch]$/.test(file));
  return Math.max(0, ...files.map((file) => statSync(join(folder, file)).mtimeMs));
}

function argumentsOf(options: ProgramOptions): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

/** Runs a program to its end, giving each line it prints to `onLine`. Rejects unless it exits with 0 or `okCodes`. */
export async function runProgram(
  name: ProgramName,
  options: ProgramOptions,
  onLine: (line: string) => void,
  okCodes: readonly number[] = [0],
): Promise<number> {
  const child = spawn(compileProgram(name), argumentsOf(options), { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  createInterface({ input: child.stdout }).on('line', onLine);
  const [code] = await once(child, 'close');
  if (typeof code === 'number' && okCodes.includes(code)) return code;
  throw new Error(`${name} ended with ${String(code)}: ${errors.trim()}`);
}

/** A limit program that serves: knows its port from the first line it prints. */
export class ServingProgram {
  readonly port: number;
  readonly pid: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
    this.pid = child.pid ?? 0;
  }

  static async start(name: 'sink' | 'source', options: ProgramOptions): Promise<ServingProgram> {
    const child = spawn(compileProgram(name), argumentsOf(options), { stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), PORT_WAIT_MS);
    for await (const line of createInterface({ input: child.stdout })) {
      clearTimeout(timer);
      const said: unknown = JSON.parse(line);
      if (typeof said === 'object' && said !== null && 'port' in said)
        return new ServingProgram(child, Number(said.port));
    }
    throw new Error(`${name} did not say its port`);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}
