/**
 * What else the machine did while a turn was timed: time the host kept for itself (steal), and processor time that neither
 * the servers nor the generator took. A pair with a turn under visible noise is thrown away, whatever its figures are, so the
 * rule must never look at them.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOf, cpuSecondsWithChildren } from '../load/process-figures.ts';

/** Seconds of processor time over all cores since the machine started. */
export interface MachineClock {
  readonly atMs: number;
  readonly cores: number;
  readonly busySeconds: number;
  readonly stealSeconds: number;
}

export interface Noise {
  /** Of all the processor time there was. */
  readonly stealShare: number;
  /** Cores that others held on average while the turn ran. */
  readonly otherCores: number;
  /** Cores that others held just before it. */
  readonly coresAtStart: number;
}

const TICKS_PER_SECOND = 100;
const QUIET_WINDOW_MS = 500;
const QUIET_WAIT_MS = 20_000;
export const STEAL_SHARE_MAX = 0.02;
export const OTHER_CORES_MAX = 0.25;
export const START_CORES_MAX = 0.25;

/** `user nice system idle iowait irq softirq steal` of the first line of /proc/stat, and one line for each core. */
export function parseMachineClock(text: string, atMs: number): MachineClock {
  const [user = 0, nice = 0, system = 0, , , , , steal = 0] = (/^cpu\s+(.*)$/m.exec(text)?.[1] ?? '')
    .split(' ')
    .map(Number);
  const cores = text.match(/^cpu\d+ /gm)?.length ?? 0;
  if (cores === 0) throw new Error('/proc/stat names no core');
  return {
    atMs,
    cores,
    busySeconds: (user + nice + system) / TICKS_PER_SECOND,
    stealSeconds: steal / TICKS_PER_SECOND,
  };
}

export function readMachineClock(): MachineClock {
  return parseMachineClock(readFileSync('/proc/stat', 'utf8'), performance.now());
}

/** `ownSeconds`: what servers, generator and bench took in the same time. */
export function noiseBetween(
  before: MachineClock,
  after: MachineClock,
  ownSeconds: number,
): Pick<Noise, 'stealShare' | 'otherCores'> {
  const seconds = (after.atMs - before.atMs) / 1000;
  const others = after.busySeconds - before.busySeconds - ownSeconds;
  return {
    stealShare: (after.stealSeconds - before.stealSeconds) / (seconds * after.cores),
    otherCores: Math.max(0, others / seconds),
  };
}

/** Why a turn cannot be believed, or null. */
export function complaintOf(noise: Noise): string | null {
  if (noise.stealShare > STEAL_SHARE_MAX) return `the host took ${(noise.stealShare * 100).toFixed(1)} % of the time`;
  if (noise.otherCores > OTHER_CORES_MAX) return `others held ${noise.otherCores.toFixed(2)} cores`;
  if (noise.coresAtStart > START_CORES_MAX) return `others held ${noise.coresAtStart.toFixed(2)} cores at its start`;
  return null;
}

/** Waits until others are quiet, but not for ever: what they still hold then is what the turn is judged by. */
export async function waitForQuiet(pids: readonly number[]): Promise<number> {
  const deadlineMs = performance.now() + QUIET_WAIT_MS;
  for (;;) {
    const watch = startWatch(pids);
    await sleep(QUIET_WINDOW_MS);
    const { otherCores } = watch();
    if (otherCores <= START_CORES_MAX || performance.now() > deadlineMs) return otherCores;
  }
}

/**
 * `pids` are the servers that live through the watch. Programs that the bench starts and whose end it sees in between count
 * as its own.
 */
export function startWatch(pids: readonly number[]): () => Pick<Noise, 'stealShare' | 'otherCores'> {
  const own = (): number => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), cpuSecondsWithChildren());
  const before = readMachineClock();
  const ownBefore = own();
  return () => noiseBetween(before, readMachineClock(), own() - ownBefore);
}
