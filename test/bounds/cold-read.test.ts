/** A consumer that scans data from the device beside a producer; `npm run bench:cold` does it with more data. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ColdScan, type ColdScanRound } from '../../bench/bounds/cold-scan.ts';

const GIBIBYTE = 1 << 30;
const ROUNDS = 3;
/**
 * Catches a front that waits for the device, which it would in every round, no more: the best round counts, since others that
 * use the disk are felt as well. The bound proper, a factor below two, is judged by `bench:cold`: on a
 * virtual machine with two cores and one disk the factor was 4 to 7 although no call of front or worker took 5 ms.
 */
const STALL_US_MAX = 50_000;

let scan: ColdScan;

beforeAll(async () => {
  scan = await ColdScan.prepare({ scanBytes: GIBIBYTE, produceBytesPerSecond: 20_000_000, brokerArguments: [] });
});

afterAll(async () => {
  await scan.stop();
});

it('a cold scan of 1 GiB makes no producer wait for the device', async () => {
  const rounds: ColdScanRound[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await scan.round());
  const quietUs = Math.min(...rounds.map((round) => round.quietP99Us));
  const besideUs = Math.min(...rounds.map((round) => round.scanP99Us));
  process.stdout.write(`produce p99 ${quietUs} µs alone, ${besideUs} µs beside a cold scan\n`);
  for (const round of rounds) expect(round.warmShare).toBeLessThan(0.01);
  expect(besideUs).toBeLessThan(Math.max(STALL_US_MAX, quietUs * 2));
});
