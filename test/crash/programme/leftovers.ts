/**
 * Files that a killed broker left half-way: what compaction was writing, segments that had left the log, new versions of small
 * files. A start sweeps them away, at once or after the delay of deleted files.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const ENDINGS = ['.deleted', '.cleaned', '.swap', '.tmp', '-delete'];
const WAIT_MS = 15_000;
const LOOK_AGAIN_MS = 25;

export function leftoversIn(dataFolder: string): string[] {
  return readdirSync(dataFolder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    ENDINGS.some((ending) => name.endsWith(ending)),
  );
}

/** Of those that were there before the start, the ones that stay. */
export async function leftoversThatStay(dataFolder: string, before: readonly string[]): Promise<string[]> {
  const deadlineMs = Date.now() + WAIT_MS;
  let left = before;
  for (;;) {
    left = left.filter((name) => existsSync(join(dataFolder, name)));
    if (left.length === 0 || Date.now() > deadlineMs) return left.map((name) => `${name} was left over and stays`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
