/**
 * Files that left their logs under another name and wait to be removed: until `file.delete.delay.ms` has passed and the
 * last region handed out of them has come back. One for all logs of a thread. Removing a large file takes the system tens
 * of milliseconds, so it is not done here: whoever takes the paths has it done elsewhere. What is still here when the
 * broker stops is swept away when the folder is opened the next time.
 */
import type { FileHandle } from './file-cache.ts';

interface Removed {
  readonly handle: FileHandle;
  readonly paths: readonly string[];
  readonly delayMs: number;
  /** Counted from the first look, which is within a tick of the removal. */
  dueMs: number;
}

const UNSEEN = -1;

export class RemovedFiles {
  private waiting: Removed[] = [];

  get count(): number {
    return this.waiting.length;
  }

  /** `handle` is the one regions of the file are leased by. */
  add(handle: FileHandle, paths: readonly string[], delayMs: number): void {
    this.waiting.push({ handle, paths, delayMs, dueMs: UNSEEN });
  }

  /** Paths of what may go now, of so many removed segments at most. `isHurried`: the room is needed, nobody waits. */
  takeDue(nowMs: number, countMax: number, isHurried: boolean): string[] {
    const due: string[] = [];
    if (this.waiting.length === 0) return due;
    let taken = 0;
    const kept: Removed[] = [];
    for (const removed of this.waiting) {
      if (removed.dueMs === UNSEEN) removed.dueMs = nowMs + removed.delayMs;
      const isDue = (isHurried || nowMs >= removed.dueMs) && removed.handle.pinCount === 0;
      if (!isDue || taken === countMax) {
        kept.push(removed);
        continue;
      }
      due.push(...removed.paths);
      taken += 1;
    }
    this.waiting = kept;
    return due;
  }
}
