import { expect, test } from 'vitest';
import { beginPartition } from '../../src/storage/new-partition.ts';
import { batchOf } from '../support/simulated-deeds.ts';
import { makeRig } from './rig-of-test.ts';
import type { WorkerRig } from './worker-rig.ts';

/** Main has just made it: its names are flushed with its first batches. */
function openNew(rig: WorkerRig, slot: number): void {
  const opening = rig.opening(slot);
  beginPartition(rig.disk, opening.folder, opening);
  rig.open(slot, { isBegun: true });
}

function write(rig: WorkerRig, slot: number): void {
  rig.append(slot, batchOf(), slot);
  rig.publish();
  rig.turn();
}

function acknowledged(rig: WorkerRig): number[] {
  return rig.take().flatMap(({ exchange, error }) => (error === 0 ? [exchange] : []));
}

// It was forgotten: the acknowledgement came after the next append, or when all logs are looked at, once a minute.
test('a flush that waited for room, and then has no descriptor, is begun within a second and holds up nobody', () => {
  const rig = makeRig({ settings: { isSyncedBeforeAck: true } });
  rig.open(0);
  openNew(rig, 1);
  rig.open(2);
  for (const slot of [0, 1, 2]) write(rig, slot);
  rig.nowMs += 1000;
  rig.turn();
  rig.disk.failNext('open', 'EMFILE');
  rig.settle();
  expect(acknowledged(rig)).toEqual([0, 2]);
  rig.disk.failNext('open', 'EMFILE');
  rig.nowMs += 1000;
  rig.settle();
  expect(acknowledged(rig)).toEqual([]);
  rig.nowMs += 1000;
  rig.settle();
  expect(acknowledged(rig)).toEqual([1]);
});
