/** Resident memory and CPU time of a process as Linux counts them. Called by the benches. */
import { readFileSync } from 'node:fs';

const KIBIBYTE = 1024;

export interface MemoryFigures {
  readonly residentBytes: number;
  /** Without what is shared with files: the part that belongs to the process alone. */
  readonly anonymousBytes: number;
}

export function memoryOf(pid: number): MemoryFigures {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { residentBytes: kibibytes(status, 'VmRSS'), anonymousBytes: kibibytes(status, 'RssAnon') };
}

/** Bytes that all threads of a process had the device read so far; NaN where Linux does not tell. */
export function deviceBytesOf(pid: number): number {
  return Number(/^read_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? Number.NaN);
}

/** Processor time of all threads of a process so far. The clock of /proc ticks 100 times a second. */
export function cpuSecondsOf(pid: number): number {
  return cpuSeconds(String(pid), [USER_TICKS, SYSTEM_TICKS]);
}

/** Of this process and of those it started whose end it has seen. */
export function cpuSecondsWithChildren(): number {
  return cpuSeconds('self', [USER_TICKS, SYSTEM_TICKS, CHILDREN_USER_TICKS, CHILDREN_SYSTEM_TICKS]);
}

function cpuSeconds(process: string, ticks: readonly number[]): number {
  const stat = readFileSync(`/proc/${process}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ticks.reduce((sum, field) => sum + Number(fields[field]), 0) / TICKS_PER_SECOND;
}

const USER_TICKS = 11;
const SYSTEM_TICKS = 12;
const CHILDREN_USER_TICKS = 13;
const CHILDREN_SYSTEM_TICKS = 14;
const TICKS_PER_SECOND = 100;

function kibibytes(status: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status);
  return Number(found?.[1] ?? 0) * KIBIBYTE;
}
