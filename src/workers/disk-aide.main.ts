/** The disk aide's thread: builds the role from what main handed over, and turns it until told to end. */
import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { BELL_ASLEEP_FUTEX } from '../zerocopy/layout.ts';
import { createDisk } from './create-disk.ts';
import { DiskAide } from './disk-aide.ts';
import { type LaneMemory, workerEnd } from './lane.ts';
import { Bells, NO_WAKERS, type SharedParts } from './shared-parts.ts';
import { nativeIf } from './thread-native.ts';

export interface DiskAideThreadData {
  readonly index: number;
  readonly shared: SharedParts;
  /** One from each worker. */
  readonly lanes: readonly LaneMemory[];
  /** Word 0 becomes 1 when the thread shall end. */
  readonly end: SharedArrayBuffer;
}

const SLEEP_MS = 10_000;

function main(): void {
  const data: DiskAideThreadData = workerData;
  const port = must(parentPort, 'the disk aide runs in a thread');
  const native = nativeIf(data.shared.usesNative);
  const bells = new Bells(data.shared, native, NO_WAKERS);
  const bell = bells.aide(data.index);
  const aide = new DiskAide(
    data.lanes.map((lane, worker) => workerEnd(lane, bells.worker(worker))),
    createDisk(native),
  );
  const end = new Int32Array(data.end);
  port.postMessage({ kind: 'ready' });
  while (Atomics.load(end, 0) === 0) {
    if (aide.turn(0)) continue;
    bell.prepareSleep(BELL_ASLEEP_FUTEX);
    if (aide.isIdle && Atomics.load(end, 0) === 0) bell.waitFutex(SLEEP_MS);
    bell.cancelSleep();
  }
}

main();
