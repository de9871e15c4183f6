/** The disk aide's thread: builds the role from what main handed over, and turns it until told to end. */
import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { BELL_ASLEEP_FUTEX } from '../zerocopy/layout.ts';
import { createDisk } from './create-disk.ts';
import { DiskAide } from './disk-aide.ts';
import { workerEnd } from './lane.ts';
import { Bells, NO_WAKERS } from './shared-parts.ts';
import type { DiskAideThreadData } from './thread-data.ts';
import { nativeIf } from './thread-native.ts';

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
