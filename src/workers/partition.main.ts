/** A partition worker's thread: builds the role from what main handed over, and turns it until told to stop. */
import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { StorageTools } from '../storage/storage-tools.ts';
import { Board } from '../zerocopy/board.ts';
import { createCrc32c } from '../zerocopy/crc32c.ts';
import { BELL_ASLEEP_FUTEX } from '../zerocopy/layout.ts';
import { memoryOf } from '../zerocopy/native.ts';
import { AckGate } from './ack-gate.ts';
import type { WorkerReply } from './commands.ts';
import { createDisk } from './create-disk.ts';
import { frontEnd, workerEnd } from './lane.ts';
import { LogFlushes } from './log-flushes.ts';
import { LogReads } from './log-reads.ts';
import { Mailbox } from './mailbox.ts';
import { PartitionKeeper } from './partition-keeper.ts';
import { PartitionTable } from './partition-table.ts';
import { PartitionWorker } from './partition-worker.ts';
import { ReadLeases } from './read-leases.ts';
import { Receipts } from './receipts.ts';
import { Recoder } from './recoder.ts';
import { Bells } from './shared-parts.ts';
import type { PartitionThreadData } from './thread-data.ts';
import { nativeIf } from './thread-native.ts';

/** Half of the aide's ring; the other half is for flushes. */
const COLD_READS_SHARE = 2;

function build(data: PartitionThreadData, reply: (reply: WorkerReply) => void) {
  const { shared } = data;
  const native = nativeIf(shared.usesNative);
  const wakers = data.frontPorts.map((port) => (port === null ? null : () => port.postMessage(0)));
  const bells = new Bells(shared, native, { main: null, fronts: wakers });
  const lanes = data.lanes.map((lane, front) => workerEnd(lane, bells.front(front)));
  const receipts = lanes.map((lane) => new Receipts(lane.outgoing));
  const aide = frontEnd(data.aide, bells.aide(0));
  const disk = createDisk(native);
  const crc = createCrc32c(native);
  const logger = createLogger({ level: data.logLevel, format: data.logFormat, thread: `worker-${data.index}` });
  const tools = new StorageTools({ disk, crc, logger, filesOpenMax: data.filesOpenMax });
  const table = new PartitionTable();
  const board = new Board(shared.board);
  const gate = new AckGate(receipts);
  const leases = new ReadLeases();
  const coldReadsMax = aide.outgoing.slotCount / COLD_READS_SHARE;
  const reads = new LogReads({ table, receipts, leases, aide, disk, coldReadsMax });
  const flushes = new LogFlushes(aide, table, gate);
  const recoder = new Recoder({
    crc,
    memoryOf: (bytes) => memoryOf(bytes, native),
    send: (ticket, batch, codec, level) => reply({ kind: 'recode', ticket, batch, codec, level }),
  });
  const mailbox = new Mailbox(data.mailPort, data.mailCounter);
  const keeper = new PartitionKeeper({ mailbox, reply, tools, table, board, gate, flushes, recoder, receipts, logger });
  const slabs = shared.slabs.map((slab) => memoryOf(new Uint8Array(slab), native));
  const worker = new PartitionWorker({
    lanes,
    receipts,
    slabs,
    aide,
    board,
    table,
    leases,
    gate,
    reads,
    flushes,
    keeper,
    recoder,
    mailbox,
  });
  return { worker, keeper, bell: bells.worker(data.index) };
}

function main(): void {
  const data: PartitionThreadData = workerData;
  const port = must(parentPort, 'a partition worker runs in a thread');
  const { worker, keeper, bell } = build(data, (reply) => port.postMessage(reply));
  port.postMessage({ kind: 'ready' });
  while (!keeper.hasStopped) {
    const nowMs = Math.floor(systemClock.nowMs());
    if (worker.turn(nowMs)) continue;
    bell.prepareSleep(BELL_ASLEEP_FUTEX);
    if (worker.isIdle) bell.waitFutex(worker.sleepMs(nowMs));
    bell.cancelSleep();
  }
  port.close();
}

main();
