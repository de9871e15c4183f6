/** How large the file system of a folder is and how much of it can still be written, for answers to people. */
import { statfsSync } from 'node:fs';

export interface FolderRoom {
  /** -1 where the system does not tell. */
  readonly totalBytes: number;
  readonly usableBytes: number;
}

export function roomOf(folder: string): FolderRoom {
  try {
    const { blocks, bavail, bsize } = statfsSync(folder);
    return { totalBytes: blocks * bsize, usableBytes: bavail * bsize };
  } catch {
    return { totalBytes: -1, usableBytes: -1 };
  }
}
