/**
 * Makes a timed run on a virtual machine worth looking at: the first touch of a page of guest memory costs several times
 * what the work on it costs, and the host takes idle pages back. Reading a sparse file backs the pages with real memory;
 * removing it puts them on the free list, where the run finds them. Called before every timed turn.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';

const STEP_BYTES = 1 << 20;
const QUICK_BYTES = 3 * 1024 ** 3;

/** `isQuick` backs only what one short turn needs. */
export function backMemory(folder: string, isQuick: boolean): void {
  const file = join(folder, 'sparse');
  const bytes = isQuick ? QUICK_BYTES : Math.ceil(totalmem() * 1.08);
  const fd = openSync(file, 'w+');
  try {
    ftruncateSync(fd, bytes);
    const step = Buffer.allocUnsafe(STEP_BYTES);
    for (let position = 0; position < bytes; position += STEP_BYTES) readSync(fd, step, 0, STEP_BYTES, position);
  } finally {
    closeSync(fd);
    if (isQuick) rmSync(file, { force: true });
  }
  execFileSync('sync');
}
