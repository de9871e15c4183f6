/**
 * The committed figures of every subject and what counts as a regression from them. Times are compared relative to the
 * calibration loop, garbage as it is. A subject that the baseline does not know is said to be new.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkoutFolder } from '../load/programs.ts';

export interface BaselineFigures {
  nanoseconds: number;
  relative: number;
  bytes: number;
}

export interface Baseline {
  /** In general words. */
  machine: string;
  subjects: Record<string, Partial<BaselineFigures>>;
}

export type Verdict = 'ok' | 'new' | 'SLOWER' | 'MORE GARBAGE' | 'faster';

/** Below a byte an operation is what the engine does beside it. */
export const HOT_BYTES_MAX = 1;
const file = join(checkoutFolder, 'bench', 'micro', 'baseline.json');

export function judgeTime(relative: number, known: number | undefined, factorMax: number): Verdict {
  if (known === undefined) return 'new';
  if (!(relative <= known * factorMax)) return 'SLOWER';
  return relative * factorMax < known ? 'faster' : 'ok';
}

/** Whether the compiler keeps one number in a register or makes an object of it depends on what it happened to see first. */
const BOXED_NUMBER_BYTES = 16;

export function judgeBytes(bytes: number, known: number | undefined, factorMax: number): Verdict {
  if (known === undefined) return 'new';
  return bytes <= known * factorMax + BOXED_NUMBER_BYTES ? 'ok' : 'MORE GARBAGE';
}

export function isRegression(verdict: Verdict): boolean {
  return verdict === 'SLOWER' || verdict === 'MORE GARBAGE';
}

export function readBaseline(): Baseline {
  const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!isBaseline(read)) throw new Error(`${file} is no baseline`);
  return read;
}

/** Only what was measured changes; the rest stays. */
export function updateBaseline(measured: Readonly<Record<string, Partial<BaselineFigures>>>): void {
  const baseline = readBaseline();
  for (const [name, figures] of Object.entries(measured)) {
    baseline.subjects[name] = { ...baseline.subjects[name], ...figures };
  }
  writeFileSync(file, `${JSON.stringify(baseline, null, 2)}\n`);
}

function isBaseline(read: unknown): read is Baseline {
  return typeof read === 'object' && read !== null && 'machine' in read && 'subjects' in read;
}
