/**
 * Nanoseconds of processor time per operation, and the same in turns of a fixed calibration loop that is timed right beside it: the ratio is
 * what is compared with the baseline, since another machine, or this one in another mood, changes both alike. Whatever else
 * runs on the machine only ever adds, so the best of several rounds counts.
 */
import type { Subject } from './subject.ts';

export interface Timing {
  readonly nanoseconds: number;
  /** How many passes of the calibration loop the operation takes. */
  readonly relative: number;
}

export interface Pace {
  readonly rounds: number;
  readonly roundMs: number;
}

const NANOSECONDS_PER_MS = 1e6;
const CALIBRATION_SHARE = 4;
const CALIBRATION_BYTES = 4096;
const calibrationBytes = new Uint8Array(CALIBRATION_BYTES).map((_, index) => index * 7);
const calibrationView = new DataView(calibrationBytes.buffer);

/** Arithmetic, loads and stores as the hot code has them, in memory of a few kilobytes; no allocation. */
export function calibrate(): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < CALIBRATION_BYTES; at += 4) {
    sum = Math.imul(sum ^ calibrationBytes[at]!, 0x01000193);
    sum ^= calibrationView.getInt32(at);
    calibrationBytes[at + 1] = sum & 255;
  }
  return sum;
}

/** One pass of the loop stands for a thousand small steps; the unit is one of them. */
const CALIBRATION_STEPS = CALIBRATION_BYTES / 4;

export function timeSubject(subject: Subject, pace: Pace): Timing {
  const run = (): void => subject.run();
  const calls = callsIn(run, pace.roundMs);
  const passes = callsIn(calibrate, pace.roundMs / CALIBRATION_SHARE);
  let best = Number.POSITIVE_INFINITY;
  let bestStep = Number.POSITIVE_INFINITY;
  for (let round = 0; round < pace.rounds; round++) {
    bestStep = Math.min(bestStep, cpuMs(calibrate, passes) / (passes * CALIBRATION_STEPS));
    best = Math.min(best, cpuMs(run, calls) / (calls * subject.operations));
  }
  return { nanoseconds: best * NANOSECONDS_PER_MS, relative: best / bestStep };
}

/** How many calls fill a round; finding out warms them for as long as two rounds. */
function callsIn(call: () => void, roundMs: number): number {
  for (let calls = 1; ; calls *= 2) {
    const tookMs = cpuMs(call, calls);
    if (tookMs >= roundMs) return Math.max(1, Math.round((calls * roundMs) / tookMs));
  }
}

/** Processor time of this process: what others on the machine get of it does not count. */
function cpuMs(call: () => void, calls: number): number {
  const before = process.cpuUsage();
  for (let index = 0; index < calls; index++) call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
