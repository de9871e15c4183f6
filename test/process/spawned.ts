/** Runs the built broker as a process of its own and tells what it printed and how it ended. For the tests beside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';

export const root: string = fileURLToPath(new URL('../../', import.meta.url));
export const mainFile: string = join(root, 'dist', 'src', 'main.js');
const RUN_MS_MAX = 50_000;
const READY = / {2}listening on +\S+:(\d+)\n/;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SpawnOptions {
  readonly program?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

const children: ChildProcess[] = [];
const folders: string[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-process-'));
  folders.push(folder);
  return folder;
}

export class Spawned {
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;
  private stdout = '';
  private stderr = '';

  /** `program` goes before the arguments; by default Node with the built broker. */
  constructor(args: readonly string[], options: SpawnOptions = {}) {
    const [command = process.execPath, ...rest] = [...(options.program ?? [process.execPath, mainFile]), ...args];
    const child = spawn(command, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.child = child;
    children.push(child);
    child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX);
    this.ended = once(child, 'close').then(([code, signal]: unknown[]) => {
      clearTimeout(timer);
      return {
        code: typeof code === 'number' ? code : null,
        signal: typeof signal === 'string' ? (signal as NodeJS.Signals) : null,
        stdout: this.stdout,
        stderr: this.stderr,
      };
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get output(): string {
    return this.stdout + this.stderr;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** The port from the start screen. */
  async port(): Promise<number> {
    for (;;) {
      const found = READY.exec(this.stdout);
      if (found !== null) return Number(found[1]);
      const what = await Promise.race([once(this.child.stdout ?? this.child, 'data').then(() => null), this.ended]);
      if (what !== null) throw new Error(`the broker ended with ${what.code}:\n${what.stderr}`);
    }
  }

  /** Sends the signal and returns how it ended, with the time that took. */
  async stop(signal: NodeJS.Signals): Promise<Ended & { readonly tookMs: number }> {
    const beginMs = performance.now();
    this.kill(signal);
    const ended = await this.ended;
    return { ...ended, tookMs: performance.now() - beginMs };
  }
}

/** A broker on a free port. */
export function startBroker(dataFolder: string, args: readonly string[] = [], options: SpawnOptions = {}): Spawned {
  return new Spawned(['--port', '0', '--data', dataFolder, ...args], options);
}
