import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { DiskAide } from '../../src/workers/disk-aide.ts';
import { createLaneMemory, frontEnd, type LaneEnd, workerEnd } from '../../src/workers/lane.ts';
import { Bell } from '../../src/zerocopy/bell.ts';
import {
  AIDE_FD,
  AIDE_LENGTH,
  AIDE_POSITION_NUMBER,
  BELL_BYTES,
  JOB_SYNC,
  JOB_WARM,
  RECEIPT_ERROR,
  RECEIPT_SYNC,
  RECEIPT_WARM,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_WORDS,
} from '../../src/zerocopy/layout.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { plainMemory } from '../support/plain-memory.ts';

function bell(): Bell {
  return new Bell(new SharedArrayBuffer(BELL_BYTES), 0, null, -1, null);
}

function makeAide(workers: number): { aide: DiskAide; ends: LaneEnd[]; disk: FakeDisk; fd: number } {
  const disk = new FakeDisk();
  const fd = disk.open('file', 'create');
  disk.write(fd, 0, plainMemory(20_000), 0, 20_000);
  const ends: LaneEnd[] = [];
  const lanes: LaneEnd[] = [];
  for (let worker = 0; worker < workers; worker++) {
    const memory = createLaneMemory(8);
    ends.push(frontEnd(memory, bell()));
    lanes.push(workerEnd(memory, bell()));
  }
  return { aide: new DiskAide(lanes, disk), ends, disk, fd };
}

function ask(end: LaneEnd | undefined, kind: number, ticket: number, fd: number, position = 0, length = 0): void {
  const lane = must(end, 'the aide has this lane');
  const at = lane.outgoing.claim() * SLOT_WORDS;
  lane.outgoing.words[at + SLOT_KIND] = kind;
  lane.outgoing.words[at + SLOT_EXCHANGE] = ticket;
  lane.outgoing.words[at + AIDE_FD] = fd;
  lane.outgoing.words[at + AIDE_LENGTH] = length;
  lane.outgoing.numbers[at / 2 + AIDE_POSITION_NUMBER] = position;
  lane.publish();
}

function answers(end: LaneEnd | undefined): [kind: number, ticket: number, error: number][] {
  const { incoming } = must(end, 'the aide has this lane');
  const taken: [number, number, number][] = [];
  for (let slot = incoming.peek(); slot >= 0; slot = incoming.peek()) {
    const at = slot * SLOT_WORDS;
    taken.push([
      incoming.words[at + SLOT_KIND]!,
      incoming.words[at + SLOT_EXCHANGE]!,
      incoming.words[at + RECEIPT_ERROR]!,
    ]);
    incoming.advance();
  }
  return taken;
}

test('the aide warms what it was asked to, flushes, and gives the ticket back', () => {
  const { aide, ends, disk, fd } = makeAide(1);
  disk.chill('file');
  ask(ends[0], JOB_WARM, 17, fd, 4096, 5000);
  ask(ends[0], JOB_SYNC, 18, fd);
  expect(aide.isIdle).toBe(false);
  while (aide.turn(0));
  expect(answers(ends[0])).toEqual([
    [RECEIPT_WARM, 17, 0],
    [RECEIPT_SYNC, 18, 0],
  ]);
  expect(disk.residentBytes(fd, 4096, 5000, true)).toBe(5000);
  expect(disk.residentBytes(fd, 0, 100, true)).toBe(0);
  expect(disk.isSynced('file')).toBe(true);
  expect(aide.isIdle).toBe(true);
});

test('what fails comes back with its error, and the aide goes on', () => {
  const { aide, ends, disk, fd } = makeAide(1);
  disk.failNext('sync', 'EIO');
  disk.failNext('warm', 'EIO');
  ask(ends[0], JOB_SYNC, 1, fd);
  ask(ends[0], JOB_WARM, 2, fd, 0, 10);
  ask(ends[0], JOB_SYNC, 3, fd);
  while (aide.turn(0));
  expect(answers(ends[0])).toEqual([
    [RECEIPT_SYNC, 1, -constants.errno.EIO],
    [RECEIPT_WARM, 2, -constants.errno.EIO],
    [RECEIPT_SYNC, 3, 0],
  ]);
});

test('no worker waits behind another one’s many jobs: one of each in a turn', () => {
  const { aide, ends, fd } = makeAide(2);
  for (let ticket = 0; ticket < 6; ticket++) ask(ends[0], JOB_WARM, ticket, fd, 0, 100);
  ask(ends[1], JOB_SYNC, 99, fd);
  aide.turn(0);
  expect(answers(ends[1])).toEqual([[RECEIPT_SYNC, 99, 0]]);
  expect(answers(ends[0])).toHaveLength(1);
});
