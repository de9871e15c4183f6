/** Which body of the disk port a thread uses: system calls where the native part is, plain Node otherwise. */
import type { Disk } from '../storage/disk.ts';
import { NativeDisk } from '../storage/native-disk.ts';
import { NodeDisk } from '../storage/node-disk.ts';
import type { Native } from '../zerocopy/native.ts';

export function createDisk(native: Native | null): Disk {
  return native === null ? new NodeDisk() : new NativeDisk(native);
}
