import { expect, test, vi } from 'vitest';
import { FakeClient } from '../support/fake-client.ts';
import { GroupOffsets } from './group-offsets.ts';
import type { Promised } from './history.ts';
import { SimulatedLink } from './simulated-link.ts';
import { Simulation } from './simulation.ts';

const STATE_FOLDER = '__transaction_state-0';
const CLOCK_STEP_MS = 10;

interface Course {
  readonly promised: Promised;
  /** Between the end of the transaction and the power cut. */
  readonly waitMs: number;
  readonly hasPowerCut: boolean;
}

/** An offset of a transaction that was aborted shows afterwards. */
async function showAborted({ promised, waitMs, hasPowerCut }: Course): Promise<Map<string, number>> {
  const simulation = new Simulation(1, { profile: { promised } });
  const { history } = simulation;
  history.begin(simulation.trueMs);
  const topic = { name: 'ledger', id: 'AAAAAAAAAAAAAAAAAAAAAQ' };
  const partitions = [simulation.topics.modelOf(topic, 0, {})];
  const offsets = new GroupOffsets(simulation, 'team', { ...topic, partitions }, [STATE_FOLDER]);
  const offset = offsets.next(0, 1);
  offsets.refused(0, offset);
  for (let ms = 0; ms < waitMs; ms += CLOCK_STEP_MS) simulation.world.clock.advance(CLOCK_STEP_MS);
  history.end(hasPowerCut ? 'power' : 'kill', simulation.trueMs);
  history.begin(simulation.trueMs);

  const link = new SimulatedLink(1, new FakeClient('checker'));
  const shown = { partitionIndex: 0, committedOffset: offset, errorCode: 0 };
  const groups = [{ errorCode: 0, topics: [{ name: topic.name, partitions: [shown] }] }];
  vi.spyOn(link, 'ask').mockResolvedValue({ groups });
  await offsets.check(link, [0]);
  return simulation.book.counts;
}

test('an offset of an aborted transaction shows only where a power cut may have taken its end', async () => {
  const what = 'offsets of aborted transactions that a power cut gave to another';
  expect((await showAborted({ promised: 'window', waitMs: 20, hasPowerCut: true })).get(what)).toBe(1);
  for (const course of [
    { promised: 'device', waitMs: 20, hasPowerCut: true },
    { promised: 'window', waitMs: 10_000, hasPowerCut: true },
    { promised: 'window', waitMs: 20, hasPowerCut: false },
  ] satisfies Course[]) {
    await expect(showAborted(course)).rejects.toThrow('which was part of an aborted transaction');
  }
});
