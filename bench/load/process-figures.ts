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

function kibibytes(status: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status);
  return Number(found?.[1] ?? 0) * KIBIBYTE;
}
