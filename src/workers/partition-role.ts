/**
 * A partition worker as a thread runs it: built from what main handed over, turned until it has stopped or was abandoned.
 * Its thread is one of its own (`partition.main`), or that of a front, whose loop then turns both.
 */
import type { MessagePort } from 'node:worker_threads';
import { sharedMonotonicMs, systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import type { Bell } from '../zerocopy/bell.ts';
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
import type { PartitionKeeper } from './partition-keeper.ts';
import type { PartitionWorker } from './partition-worker.ts';
import { AIDE, Bells, FLUSHER, type SharedParts } from './shared-parts.ts';
import type { PartitionThreadData } from './thread-data.ts';
import { nativeIf } from './thread-native.ts';
import { assembleWorker } from './worker-assembly.ts';

export class PartitionRole {
  private readonly bell: Bell;
  private readonly worker: PartitionWorker;
  private readonly keeper: PartitionKeeper;
  private readonly abandoned: Int32Array;

  /** `line`: to main, for replies and to wake it. */
  constructor(data: PartitionThreadData, line: MessagePort) {
    const { shared } = data;
    const native = nativeIf(shared.usesNative);
    const wakers = data.frontPorts.map((port) => (port === null ? null : () => port.postMessage(0)));
    const bells = new Bells(shared, native, { main: () => line.postMessage(0), fronts: wakers });
    const { worker, keeper } = assembleWorker({
      lanes: data.lanes.map((lane, front) =>
        workerEnd(lane, front < shared.fronts ? bells.front(front) : bells.main()),
      ),
      slabs: shared.slabs.map((slab) => memoryOf(new Uint8Array(slab), native)),
      aide: frontEnd(data.aide, bells.aide(AIDE)),
      flusher: frontEnd(data.flusher, bells.aide(FLUSHER)),
      board: new Board(shared.board),
      disk: createDisk(native),
      crc: createCrc32c(native),
      memoryOf: (bytes) => memoryOf(bytes, native),
      packLz4: createPackLz4(native),
      mailbox: new Mailbox(data.mailPort, data.mailCounter),
      reply: (reply: WorkerReply) => line.postMessage(reply),
      logger: createLogger({ level: data.logLevel, format: data.logFormat, thread: `worker-${data.index}` }),
      filesOpenMax: data.filesOpenMax,
      housekeeping: data.housekeeping,
      stages: stagesOf(shared),
    });
    this.worker = worker;
    this.keeper = keeper;
    this.bell = bells.worker(data.index);
    this.abandoned = new Int32Array(data.abandoned);
  }

  /** Its logs are closed, or nobody cares about them any more. */
  get isOver(): boolean {
    return this.keeper.hasStopped || Atomics.load(this.abandoned, 0) !== 0;
  }

  /** The thread has nothing else to do while `goesOn`, which is asked again whenever somebody rang. */
  runAlone(goesOn: () => boolean): void {
    while (goesOn() && !this.isOver) {
      const nowMs = systemClock.nowMs();
      if (this.turn(nowMs)) continue;
      this.bell.prepareSleep(BELL_ASLEEP_FUTEX);
      if (this.isIdle && goesOn() && !this.isOver) this.bell.waitFutex(this.sleepMs(nowMs));
      this.bell.cancelSleep();
    }
  }

  turn(nowMs: number): boolean {
    return this.worker.turn(Math.floor(nowMs));
  }

  get isIdle(): boolean {
    return this.worker.isIdle;
  }

  /** How long the thread may sleep when nobody rings. */
  sleepMs(nowMs: number): number {
    return this.worker.sleepMs(Math.floor(nowMs));
  }
}

function stagesOf({ tallies }: SharedParts): AppendStages | null {
  return tallies === null ? null : new AppendStages(new StageBoard(tallies.stages, WORKER_STAGES), sharedMonotonicMs);
}
