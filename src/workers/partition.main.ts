/** A partition worker's thread: builds the role from what main handed over, and turns it until told to stop. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { sharedMonotonicMs, systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { Board } from '../zerocopy/board.ts';
import { createCrc32c } from '../zerocopy/crc32c.ts';
import { BELL_ASLEEP_FUTEX } from '../zerocopy/layout.ts';
import { createPackLz4 } from '../zerocopy/lz4-block.ts';
import { memoryOf } from '../zerocopy/native.ts';
import { StageBoard, WORKER_STAGES } from '../zerocopy/stage-board.ts';
import { AppendStages } from './append-stages.ts';
import type { WorkerReply } from './commands.ts';
import { createDisk } from './create-disk.ts';
import { frontEnd, workerEnd } from './lane.ts';
import { Mailbox } from './mailbox.ts';
import { AIDE, Bells, FLUSHER, type SharedParts } from './shared-parts.ts';
import type { PartitionThreadData } from './thread-data.ts';
import { nativeIf } from './thread-native.ts';
import { assembleWorker } from './worker-assembly.ts';

function build(data: PartitionThreadData, port: MessagePort) {
  const { shared } = data;
  const native = nativeIf(shared.usesNative);
  const wakers = data.frontPorts.map((port) => (port === null ? null : () => port.postMessage(0)));
  const bells = new Bells(shared, native, { main: () => port.postMessage(0), fronts: wakers });
  const { worker, keeper } = assembleWorker({
    lanes: data.lanes.map((lane, front) => workerEnd(lane, front < shared.fronts ? bells.front(front) : bells.main())),
    slabs: shared.slabs.map((slab) => memoryOf(new Uint8Array(slab), native)),
    aide: frontEnd(data.aide, bells.aide(AIDE)),
    flusher: frontEnd(data.flusher, bells.aide(FLUSHER)),
    board: new Board(shared.board),
    disk: createDisk(native),
    crc: createCrc32c(native),
    memoryOf: (bytes) => memoryOf(bytes, native),
    packLz4: createPackLz4(native),
    mailbox: new Mailbox(data.mailPort, data.mailCounter),
    reply: (reply: WorkerReply) => port.postMessage(reply),
    logger: createLogger({ level: data.logLevel, format: data.logFormat, thread: `worker-${data.index}` }),
    filesOpenMax: data.filesOpenMax,
    housekeeping: data.housekeeping,
    stages: stagesOf(shared),
  });
  return { worker, keeper, bell: bells.worker(data.index) };
}

function stagesOf({ tallies }: SharedParts): AppendStages | null {
  return tallies === null ? null : new AppendStages(new StageBoard(tallies.stages, WORKER_STAGES), sharedMonotonicMs);
}

function main(): void {
  const data: PartitionThreadData = workerData;
  const port = must(parentPort, 'a partition worker runs in a thread');
  const { worker, keeper, bell } = build(data, port);
  const abandoned = new Int32Array(data.abandoned);
  port.postMessage({ kind: 'ready' });
  while (!keeper.hasStopped && Atomics.load(abandoned, 0) === 0) {
    const nowMs = Math.floor(systemClock.nowMs());
    if (worker.turn(nowMs)) continue;
    bell.prepareSleep(BELL_ASLEEP_FUTEX);
    if (worker.isIdle && Atomics.load(abandoned, 0) === 0) bell.waitFutex(worker.sleepMs(nowMs));
    bell.cancelSleep();
  }
  port.close();
}

main();
