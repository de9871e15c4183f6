/** Sixteen equal producers that ask for more than the broker can do: nobody starves (`npm run bench:overload` at length). */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { overload } from '../../bench/bounds/overload-load.ts';
import { BoundedBroker, MEBIBYTE } from './bounded-broker.ts';

const PRODUCERS = 16;
const SECONDS = Number(process.env['PERFBROKER_BOUNDS_SECONDS'] ?? 4);

let broker: BoundedBroker;

beforeEach(async () => {
  broker = await BoundedBroker.start({ partitions: PRODUCERS + 1 });
});

afterEach(async () => {
  await broker.dispose();
});

it('the slowest of them is given at least half of what they are given on average, and memory stays', async () => {
  const result = await overload({
    host: '127.0.0.1',
    port: broker.port,
    pid: broker.process.pid,
    topic: broker.topic,
    producers: PRODUCERS,
    batchBytes: 4096,
    inFlight: 64,
    seconds: SECONDS,
  });
  process.stdout.write(
    `overload: slowest ${Math.round(result.slowestShare * 100)} % of the mean, a light one's p99 ${result.lightP99Us} µs\n`,
  );
  expect(result.errors).toBe(0);
  expect(result.slowestShare, result.requests.join()).toBeGreaterThan(0.5);
  expect(result.lightRequests).toBeGreaterThan(SECONDS * 25);
  expect(result.highestBytes - result.earlyBytes).toBeLessThan(64 * MEBIBYTE);
});
