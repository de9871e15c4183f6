/**
 * Appending: a log alone and a whole worker's turn, from the job in its lane to the receipt. Without a disk (a write answers
 * that it wrote and does nothing else) it shows what the code costs; over real files it shows what the system adds.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../src/base/assert.ts';
import { silentLogger } from '../../src/base/logger.ts';
import type { Disk } from '../../src/storage/disk.ts';
import type { Log } from '../../src/storage/log.ts';
import { openLog } from '../../src/storage/log-open.ts';
import { DEFAULT_LOG_SETTINGS } from '../../src/storage/log-settings.ts';
import { StorageTools } from '../../src/storage/storage-tools.ts';
import { createDisk } from '../../src/workers/create-disk.ts';
import { createCrc32c } from '../../src/zerocopy/crc32c.ts';
import {
  APPEND_AT,
  APPEND_FLAG_ZSTD_ALLOWED,
  APPEND_FLAGS,
  APPEND_LENGTH,
  JOB_APPEND,
  RECEIPT_ERROR,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../../src/zerocopy/layout.ts';
import type { Memory, WriteVector } from '../../src/zerocopy/memory.ts';
import { loadNative, memoryOf } from '../../src/zerocopy/native.ts';
import { FAKE_START_MS } from '../../test/support/fake-clock.ts';
import { batchOf } from '../../test/support/simulated-deeds.ts';
import { WorkerRig } from '../../test/workers/worker-rig.ts';
import type { Subject } from './subject.ts';

const CALLS = 16;
const KIB = 1024;
const FILE_BYTES_MAX = 64 * KIB * KIB;
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

export function appendSubjects(): Subject[] {
  return [
    logSubject('no disk', KIB, 1),
    logSubject('no disk', KIB, 16),
    logSubject('no disk', 64 * KIB, 1),
    logSubject('files', KIB, 16),
    logSubject('files', 64 * KIB, 1),
    workerSubject(16),
  ];
}

interface OpenedLog {
  readonly log: Log;
  close(): void;
}

function openAt(folder: string, disk: Disk): OpenedLog {
  const { native } = loadNative();
  const crc = createCrc32c(native);
  const tools = new StorageTools({ disk, crc, logger: silentLogger, filesOpenMax: 16 });
  const log = openLog({
    tools,
    folder,
    partitionName: 'orders-0',
    topicId: TOPIC_ID,
    settings: DEFAULT_LOG_SETTINGS,
    leaderEpoch: 0,
    isClean: true,
    recoveryPoint: 0,
    logStartOffset: 0,
    writtenOffset: -1,
    cleanedOffset: 0,
    nowMs: FAKE_START_MS,
  });
  return { log, close: () => void log.close(false) };
}

/** All is as on a real disk, but what would be written to the log is not. */
function withoutWrites(disk: Disk): Disk {
  const writeVector = (_fd: number, _position: number, vector: WriteVector): number => vector.bytesTotal;
  return Object.create(disk, { writeVector: { value: writeVector } });
}

function logSubject(where: 'no disk' | 'files', batchBytes: number, batchesPerWrite: number): Subject {
  const { native } = loadNative();
  const root = mkdtempSync(join(tmpdir(), 'perfbroker-micro-'));
  const disk = createDisk(native);
  const on = where === 'files' ? disk : withoutWrites(disk);
  const memory = sharedBatches(batchBytes, batchesPerWrite);
  const length = memory.bytes.length / batchesPerWrite;
  let generation = 0;
  let opened = openAt(join(root, `orders-${generation}`), on);
  const appendOnce = (): void => {
    for (let index = 0; index < batchesPerWrite; index++) {
      clearBaseOffset(memory, index * length);
      const error = opened.log.append(memory, index * length, length, APPEND_FLAG_ZSTD_ALLOWED, FAKE_START_MS);
      if (error !== 0) throw new Error(`an append was refused with ${error}`);
    }
    if (opened.log.flushWrites() < 0) throw new Error('a write failed');
  };
  /** Files stay small: an own log every few thousand writes, and the old one goes. */
  const renew = (): void => {
    opened.close();
    rmSync(join(root, `orders-${generation++}`), { recursive: true });
    opened = openAt(join(root, `orders-${generation}`), on);
  };
  const run = (): void => {
    for (let call = 0; call < CALLS; call++) appendOnce();
    if (where === 'files' && opened.log.totalBytes > FILE_BYTES_MAX) renew();
  };
  const end = (): void => {
    opened.close();
    rmSync(root, { recursive: true, force: true });
  };
  const name = `append: ${batchBytes / KIB} KiB, ${batchesPerWrite} a write, ${where}`;
  return { name, operations: CALLS * batchesPerWrite, isHot: true, run, end };
}

function sharedBatches(batchBytes: number, count: number): Memory {
  const batch = batchOf({ count: Math.max(1, batchBytes / KIB), valueBytes: KIB - 100 });
  const bytes = new Uint8Array(new SharedArrayBuffer(batch.length * count));
  for (let index = 0; index < count; index++) bytes.set(batch, index * batch.length);
  return memoryOf(bytes, loadNative().native);
}

/** Jobs of one lane, the turn that appends them, and their receipts; the checksum is the one in TypeScript. */
function workerSubject(jobs: number): Subject {
  const rig = new WorkerRig();
  rig.open(0);
  rig.disk.writeVector = (_fd: number, _position: number, vector: WriteVector): number => vector.bytesTotal;
  const batch = batchOf({ count: 1, valueBytes: 20 });
  const lane = must(rig.fronts[0], 'the rig has a lane');
  const slab = must(rig.slabs[0], 'the rig has a slab');
  for (let job = 0; job < jobs; job++) slab.bytes.set(batch, job * batch.length);
  const { words } = lane.outgoing;
  const run = (): void => {
    for (let job = 0; job < jobs; job++) {
      const wordAt = lane.outgoing.claim() * SLOT_WORDS;
      words[wordAt + SLOT_KIND] = JOB_APPEND;
      words[wordAt + SLOT_EXCHANGE] = job;
      words[wordAt + SLOT_ENTRY] = 0;
      words[wordAt + SLOT_PARTITION] = 0;
      words[wordAt + APPEND_AT] = job * batch.length;
      words[wordAt + APPEND_LENGTH] = batch.length;
      words[wordAt + APPEND_FLAGS] = APPEND_FLAG_ZSTD_ALLOWED;
      clearBaseOffset(slab, job * batch.length);
    }
    lane.publish();
    rig.turn();
    for (let slot = lane.incoming.peek(); slot >= 0; slot = lane.incoming.peek()) {
      if (lane.incoming.words[slot * SLOT_WORDS + RECEIPT_ERROR] !== 0) throw new Error('a job was refused');
      lane.incoming.advance();
    }
    lane.publish();
  };
  const end = (): void => rig.close();
  return { name: `worker: a job of 20 B, ${jobs} a turn, no disk`, operations: jobs, isHot: true, run, end };
}

/** A producer's batch begins at offset 0; the last append stamped another. */
function clearBaseOffset(memory: Memory, at: number): void {
  memory.view.setInt32(at, 0);
  memory.view.setInt32(at + 4, 0);
}
