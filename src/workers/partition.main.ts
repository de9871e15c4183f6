/** The thread of a partition worker that has one of its own: builds the role and turns it until told to stop. */
import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import { BELL_ASLEEP_FUTEX } from '../zerocopy/layout.ts';
import { PartitionRole } from './partition-role.ts';
import type { PartitionThreadData } from './thread-data.ts';

function main(): void {
  const data: PartitionThreadData = workerData;
  const port = must(parentPort, 'a partition worker runs in a thread');
  const role = new PartitionRole(data, port);
  const { bell } = role;
  port.postMessage({ kind: 'ready' });
  while (!role.isOver) {
    const nowMs = systemClock.nowMs();
    if (role.turn(nowMs)) continue;
    bell.prepareSleep(BELL_ASLEEP_FUTEX);
    if (role.isIdle && !role.isOver) bell.waitFutex(role.sleepMs(nowMs));
    bell.cancelSleep();
  }
  port.close();
}

main();
