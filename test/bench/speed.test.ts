/**
 * A real broker beside the limit programs, a second a turn: sees regressions by a factor of three, and no smaller ones,
 * since whatever else runs here runs through the figures. Only the third miss in a row counts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ContestResult, runContest, type Work } from '../../bench/limits/contest.ts';
import { prepareFetch, produceWorks } from '../../bench/limits/works.ts';
import { BenchServer } from '../../bench/load/bench-server.ts';

const GROSS = 3;
const ATTEMPTS = 3;
const FETCHED_BYTES = 16 * 1024 * 1024;

let server: BenchServer;
const folder = mkdtempSync(join(tmpdir(), 'perfbroker-speed-'));

beforeAll(async () => {
  server = await BenchServer.start({ broker: null, pid: 0, brokerArguments: [] });
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

function forgiving(work: Work): Work {
  const { figure, limit } = work.bar;
  return { ...work, bar: { figure, limit: figure === 'cpu' ? limit * GROSS : limit / GROSS } };
}

async function bestOf(work: Work): Promise<ContestResult[]> {
  const results: ContestResult[] = [];
  for (let attempt = 0; attempt < ATTEMPTS && !results.some((result) => result.isMet); attempt++) {
    results.push(await runContest(server, forgiving(work), { folder, pairs: 1, length: 'glance', onTurn: () => {} }));
  }
  return results;
}

/** Larger batches are more of the same. */
const works = produceWorks.filter((work) => work.batchBytes <= 64 * 1024);

it.each(works)('$name costs no multiple of what the limit program costs', async (work) => {
  const results = await bestOf(work);
  expect(results.at(-1)).toMatchObject({ isMet: true });
});

it('fetching costs no multiple of what the limit program costs', async () => {
  const results = await bestOf(await prepareFetch(server, folder, FETCHED_BYTES));
  expect(results.at(-1)).toMatchObject({ isMet: true });
});
