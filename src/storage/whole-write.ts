/**
 * Writes all bytes of a small piece of memory, going on after short writes and interruptions. The appender has its own
 * loop, since it writes vectors.
 */
import type { Memory } from '../zerocopy/memory.ts';
import type { Disk } from './disk.ts';

const EINTR = -4;
const EIO = -5;
const EAGAIN = -11;
const ATTEMPTS_MAX = 64;

/** 0, or a negative errno when some bytes may be missing. */
export function writeWhole(
  disk: Disk,
  fd: number,
  position: number,
  memory: Memory,
  at: number,
  length: number,
): number {
  let done = 0;
  for (let attempt = 0; attempt < ATTEMPTS_MAX && done < length; attempt++) {
    const written = disk.write(fd, position + done, memory, at + done, length - done);
    if (written === EINTR || written === EAGAIN) continue;
    if (written < 0) return written;
    done += written;
  }
  return done === length ? 0 : EIO;
}
