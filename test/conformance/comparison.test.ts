/**
 * The comparison itself, before it accuses anybody: two perfbrokers are the same, and one that lies in a single field of a
 * single API is found out, with a seed and few requests that show it.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Peer, startPerfbroker } from '../../bench/conformance/peers.ts';
import { runConformance } from '../../bench/conformance/run.ts';
import type { Tally } from '../../bench/conformance/tally.ts';
import { forgetWatchers } from '../../bench/conformance/visibility.ts';
import { seed } from '../protocol/arbitrary.ts';
import { LyingProxy } from './lying-proxy.ts';

const REQUESTS = 600;
let one: Peer;
let other: Peer;

beforeAll(async () => {
  [one, other] = await Promise.all([startPerfbroker(), startPerfbroker()]);
});

afterAll(async () => {
  await forgetWatchers();
  await one.dispose();
  await other.dispose();
});

function compare(ports: readonly [number, number], only: string | null): Promise<Tally> {
  const [first, second] = ports.map((port) => ({ port, folder: null, dispose: () => Promise.resolve() }));
  if (first === undefined || second === undefined) throw new Error('two brokers are compared');
  const options = { seed, count: REQUESTS, only, withScripted: false, isQuick: false, known: [], say: () => {} };
  return runConformance({ kafka: first, perfbroker: second }, options);
}

function differences(tally: Tally): string[] {
  return [...tally.differences.values()].map(
    ({ finding }) =>
      `seed ${seed}: ${finding.script} ${finding.api} ${finding.place} ${finding.kafka} / ${finding.perfbroker}`,
  );
}

it('finds nothing between two brokers that are the same', async () => {
  const tally = await compare([one.port, other.port], null);
  expect(tally.generatedExchanges).toBeGreaterThanOrEqual(REQUESTS);
  expect(differences(tally)).toEqual([]);
});

it('finds a broker that lies in one field, and the request that shows it', async () => {
  const proxy = await LyingProxy.start(other.port);
  try {
    const tally = await compare([one.port, proxy.port], 'OffsetForLeaderEpoch');
    const found = [...tally.differences.values()];
    expect(found.length).toBeGreaterThan(0);
    for (const { finding } of found) expect(finding.field).toBe('topics[].partitions[].leaderEpoch');
    expect(Math.min(...found.map(({ shortest }) => shortest.length))).toBeLessThanOrEqual(3);
  } finally {
    proxy.close();
  }
});
