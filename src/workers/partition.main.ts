/** The thread of a partition worker that has one of its own: builds the role and runs it until told to stop. */
import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { PartitionRole } from './partition-role.ts';
import type { PartitionThreadData } from './thread-data.ts';

function main(): void {
  const data: PartitionThreadData = workerData;
  const port = must(parentPort, 'a partition worker runs in a thread');
  const role = new PartitionRole(data, port);
  port.postMessage({ kind: 'ready' });
  role.runAlone(() => true);
  port.close();
}

main();
