/**
 * Removes files that left their logs, one after the other, on main's event loop but not in its thread: freeing the blocks of
 * a large file takes tens of milliseconds, which no role's turn may spend. What cannot be removed is left for the next
 * start, which sweeps.
 */
import { unlink } from 'node:fs/promises';
import type { Logger } from '../base/logger.ts';

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
        await unlink(path);
      } catch (error) {
        // Its topic was deleted meanwhile, folder and all.
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
        this.logger.warn(`${path} could not be removed and is left for the next start: ${String(error)}`);
      }
    }
  }
}
