/** The rig of a test, apart from the rig itself, which benches use where there is no test. */
import { onTestFinished } from 'vitest';
import { type RigOptions, WorkerRig } from './worker-rig.ts';

/** Closed when the test that made it has ended. */
export function makeRig(options: RigOptions = {}): WorkerRig {
  const rig = new WorkerRig(options);
  onTestFinished(() => rig.close());
  return rig;
}
