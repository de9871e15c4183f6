/**
 * Removes files that left their logs, one after the other, on main's event loop but not in its thread: freeing the blocks of
 * a large file takes tens of milliseconds (170 for 256 MiB), which no role's turn may spend. It goes piece by piece from the
 * end, so that neither a core nor the file system's journal is taken for as long as that. What cannot be removed is left for
 * the next start, which sweeps.
 */
import { constants } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../base/logger.ts';

const PIECE_BYTES = 16_777_216;
const PAUSE_MS = 5;

export class FileRemoval {
  private readonly logger: Pick<Logger, 'warn'>;
  private last: Promise<void> = Promise.resolve();

  constructor(logger: Pick<Logger, 'warn'>) {
    this.logger = logger;
  }

  /** Resolves when all files given so far are gone or given up. */
  get idle(): Promise<void> {
    return this.last;
  }

  remove(paths: readonly string[]): void {
    this.last = this.last.then(() => this.removeAll(paths));
  }

  private async removeAll(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      try {
        await shorten(path);
        await unlink(path);
      } catch (error) {
        // Its topic was deleted meanwhile, folder and all.
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
        this.logger.warn(`${path} could not be removed and is left for the next start: ${String(error)}`);
      }
    }
  }
}

/** Nobody reads the file any more. */
async function shorten(path: string): Promise<void> {
  const file = await open(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0));
  try {
    let { size } = await file.stat();
    while (size > PIECE_BYTES) {
      size -= PIECE_BYTES;
      await file.truncate(size);
      await pause(PAUSE_MS, undefined, { ref: false });
    }
  } finally {
    await file.close();
  }
}
