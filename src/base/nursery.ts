/**
 * Bounds the nursery of this thread's heap: where V8 puts what is new. It doubles it when much survives in it, up to 32 MiB,
 * and gives that back only when it pleases; what the control plane makes lives for a request and needs no more than a part of
 * that. V8 takes a size only when the process starts, and a program cannot choose that for itself. But how much it grows at a time
 * is asked anew each time: by the factor 1, not at all. So after each collection the factor is set to what is right now.
 *
 * The factor is the process's, and a heap that is made sets it to 2 again: threads that come and go later call
 * `nurseryWasMade` first. What main collects before that, in some tens of milliseconds, may double its nursery beyond the bound,
 * and so may several collections in one stretch while it grows: nothing that JavaScript can call closes these gaps. In a program
 * that has a broker within it nothing is bounded, its heap is not ours.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

/** Both halves of it. Commits of groups take 4 % more processor time than with 32 MiB, see docs/performance.md. */
export const NURSERY_BYTES_MAX = 8_388_608;
const GROWTH = 2;
const NO_GROWTH = 1;
/** Threads that are made later find it. */
const IS_BOUNDED = 'perfbroker: the nursery of main is bounded';

/** From here on no heap's nursery grows, until somebody says otherwise. */
export function keepNurseries(): void {
  setGrowth(NO_GROWTH);
}

export function nurseryBytes(): number {
  for (const space of getHeapSpaceStatistics()) if (space.space_name === 'new_space') return space.space_size;
  return 0;
}

/** Watches this thread's heap as long as the thread lives. */
export function boundNursery(): void {
  setEnvironmentData(IS_BOUNDED, true);
  new PerformanceObserver(adjust).observe({ entryTypes: ['gc'] });
  adjust();
}

/** A thread's first call. Main allows growth again after its next collection, if it wants any. */
export function nurseryWasMade(): void {
  if (getEnvironmentData(IS_BOUNDED) === true) setGrowth(NO_GROWTH);
}

function adjust(): void {
  setGrowth(nurseryBytes() * GROWTH <= NURSERY_BYTES_MAX ? GROWTH : NO_GROWTH);
}

function setGrowth(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}
