/** What a contest asks of the machine between its turns; the tests have one of their own. */
import { execFileSync } from 'node:child_process';
import { backMemory } from '../load/memory-trap.ts';
import { type Noise, startWatch, waitForQuiet } from './noise.ts';

export interface Machine {
  /** Backs memory, empties the disk's queue, waits for others to be quiet; returns the cores they hold all the same. */
  settle(pids: readonly number[]): Promise<number>;
  /** Call the result at the end of what is watched. `pids` are the servers that live through it. */
  watch(pids: readonly number[]): () => Pick<Noise, 'stealShare' | 'otherCores'>;
  syncDisk(): void;
}

export function realMachine(folder: string, isQuick: boolean): Machine {
  return {
    settle(pids) {
      backMemory(folder, isQuick);
      return waitForQuiet(pids);
    },
    watch: startWatch,
    syncDisk() {
      execFileSync('sync');
    },
  };
}
