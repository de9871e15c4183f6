/**
 * Hostile frames against a real broker on every way to the kernel (`process-fuzz`), and that the fuzzer sees a broker that
 * stands still or is gone. FUZZ_PROCESS_FRAMES (for each way) and FUZZ_SEED choose how many and from where.
 */
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { memoryOf } from '../../bench/load/process-figures.ts';
import { BrokerProcess } from '../clients/broker-process.ts';
import { LATE_MS, ProcessFuzz } from './process-fuzz.ts';

const env: { readonly FUZZ_PROCESS_FRAMES?: string; readonly FUZZ_SEED?: string; readonly FUZZ_IO?: string } =
  process.env;
const FRAMES = Number(env.FUZZ_PROCESS_FRAMES ?? 10_000);
const SEED = Number(env.FUZZ_SEED ?? 20_261_127);
const TIMEOUT_MS = 120_000 + FRAMES * 10;

/** More than one front and worker, where hand-over and lanes between threads have their part. */
const WAYS: readonly (readonly [io: string, more: readonly string[]])[] = [
  ['uring', []],
  ['epoll', ['--fronts', '2', '--workers', '2']],
  ['node', ['--workers', '2']],
];
const ways = WAYS.filter(([io]) => (process.platform === 'linux' || io === 'node') && (env.FUZZ_IO ?? io) === io);

let broker: BrokerProcess | null = null;

afterEach(async () => {
  await broker?.kill();
  await broker?.dispose().catch(() => {});
  broker = null;
});

async function start(io: string, more: readonly string[]): Promise<BrokerProcess> {
  broker = await BrokerProcess.start({ arguments: ['--io', io, '--partitions', '1', ...more] });
  return broker;
}

function fuzzOf(process: BrokerProcess, frames: number, lateMs = LATE_MS): ProcessFuzz {
  const residentBytes = () => memoryOf(process.pid).residentBytes;
  const partitions = () => readdirSync(process.dataFolder).filter((name) => /-\d+$/.test(name)).length;
  return new ProcessFuzz({ seed: SEED, frames, process, lateMs, residentBytes, partitions });
}

describe.each(ways)('--io %s', (io, more) => {
  test(`${FRAMES} hostile frames (seed ${SEED}) harm nobody`, { timeout: TIMEOUT_MS }, async () => {
    const process = await start(io, more);
    const { sent, receivedBytes, closed, witnessed, slowestMs, slowest, grownBytes } = await fuzzOf(
      process,
      FRAMES,
    ).run();
    globalThis.process.stdout.write(
      `fuzz ${io}: ${sent} frames, ${receivedBytes} bytes back, ${closed} closed by the broker, ${witnessed} witnessed, ` +
        `slowest ${slowest} with ${Math.round(slowestMs)} ms, grown by ${Math.round(grownBytes / 1e6)} MB\n`,
    );
    expect(witnessed).toBeGreaterThan(3);
    expect(receivedBytes).toBeGreaterThan(sent / 4);
    expect(process.output).not.toMatch(/a request failed|RuntimeError|AddressSanitizer|runtime error:/);
    expect(await process.stop(), process.output).toBe(0);
  });
});

describe('the fuzzer sees a broker', () => {
  test.each(['SIGSTOP', 'SIGKILL'] as const)('after %s', { timeout: TIMEOUT_MS }, async (signal) => {
    const broken = await start('node', []);
    const seen = expect(fuzzOf(broken, 1_000_000, 2000).run()).rejects.toThrow();
    setTimeout(() => process.kill(broken.pid, signal), 500);
    await seen;
  });
});
