/**
 * Bytes of garbage per operation: what the heap and the buffers outside of it grew by over many operations between which
 * nothing was collected. Needs `node --expose-gc`, and `--max-semi-space-size=64` so that a young heap holds a whole sample.
 */
import { median } from '../compare/statistics.ts';
import type { Subject } from './subject.ts';

const SAMPLES = 4;
const LOOKS = 8;
const STEP_BYTES_MAX = 500_000;
const STEP_CALLS_MAX = 500;
const STEP_MS_MAX = 15;
const PILOT_CALLS = 4;

/**
 * The median of many short stretches: a collection in one of them shows as less than nothing or too little, and what the
 * engine does beside us (compiling, say) as too much.
 */
export function bytesPerOperation(subject: Subject, warmMs: number): number {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('garbage is counted with node --expose-gc');
  warm(subject, warmMs);
  collect();
  const startMs = performance.now();
  const [pilotBytes = 0] = stretches(subject, PILOT_CALLS, 1);
  const calls = callsFor(pilotBytes / PILOT_CALLS, (performance.now() - startMs) / PILOT_CALLS);
  const grown: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    collect();
    grown.push(...stretches(subject, calls, LOOKS).filter((bytes) => bytes >= 0));
  }
  const idle: Subject = { name: 'nothing', operations: 1, isHot: true, run: () => {} };
  const own = median(stretches(idle, 1, LOOKS));
  return Math.max(0, median(grown) - own) / (calls * subject.operations);
}

/** As many calls as make a good stretch without filling the young heap. */
export function callsFor(bytesPerCall: number, msPerCall: number): number {
  const byBytes = STEP_BYTES_MAX / Math.max(1, bytesPerCall);
  const byTime = STEP_MS_MAX / Math.max(0.0001, msPerCall);
  return Math.max(1, Math.floor(Math.min(byBytes, byTime, STEP_CALLS_MAX)));
}

/** Long enough for the optimising compiler: what it has not seen yet boxes every number. */
function warm(subject: Subject, warmMs: number): void {
  const endMs = performance.now() + warmMs;
  while (performance.now() < endMs) subject.run();
}

function stretches(subject: Subject, calls: number, count: number): number[] {
  const at = new Float64Array(count + 1);
  at[0] = allocatedBytes();
  for (let stretch = 1; stretch <= count; stretch++) {
    for (let call = 0; call < calls; call++) subject.run();
    at[stretch] = allocatedBytes();
  }
  return Array.from({ length: count }, (_, index) => (at[index + 1] ?? 0) - (at[index] ?? 0));
}

function allocatedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
