/**
 * Load on a page of the HTTP side, by autocannon as a process of its own. Every connection asks again as soon as it has its
 * answer, or all of them together as often as `requestsPerSecond` says.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';

export interface PagePlan {
  readonly url: string;
  readonly connections: number;
  /** 0: as fast as answers come. */
  readonly requestsPerSecond: number;
  readonly seconds: number;
}

export interface PageResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly bytesPerPage: number;
  readonly failures: number;
}

export async function runPageLoad(plan: PagePlan): Promise<PageResult> {
  const program = createRequire(import.meta.url).resolve('autocannon');
  const rate = plan.requestsPerSecond > 0 ? ['-R', String(plan.requestsPerSecond)] : [];
  const flags = ['--json', '-c', String(plan.connections), '-d', String(plan.seconds), ...rate];
  const child = spawn(process.execPath, [program, ...flags, plan.url], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code]: unknown[] = await once(child, 'close');
  if (code !== 0) throw new Error(`autocannon ended with ${String(code)}`);
  return resultOf(JSON.parse(text));
}

function resultOf(said: unknown): PageResult {
  const total = numberAt(said, 'requests', 'total');
  return {
    requestsPerSecond: total / numberAt(said, 'duration'),
    p50Ms: numberAt(said, 'latency', 'p50'),
    p99Ms: numberAt(said, 'latency', 'p99'),
    bytesPerPage: total === 0 ? 0 : numberAt(said, 'throughput', 'total') / total,
    failures: numberAt(said, 'errors') + numberAt(said, 'timeouts') + numberAt(said, 'non2xx'),
  };
}

function numberAt(said: unknown, ...path: readonly string[]): number {
  let part = said;
  for (const key of path) part = typeof part === 'object' && part !== null ? Reflect.get(part, key) : null;
  if (typeof part !== 'number') throw new Error(`autocannon does not say ${path.join('.')}`);
  return part;
}
