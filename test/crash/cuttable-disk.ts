/**
 * An ext4 file system on a loop device that can be shut down without flushing its log, which is what a power cut does to it: what
 * was not on the device is gone, the journal is replayed at the next mount. Takes root, loop devices, mkfs.ext4 and a C
 * compiler; `whyNot` says what is missing, and the tests are skipped by that name.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH. */
const SHUTDOWN_SOURCE = `
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
int main(int argc, char **argv) {
  uint32_t flags = 2;
  int fd = open(argv[1], O_RDONLY);
  if (fd < 0 || ioctl(fd, _IOR('X', 125, uint32_t), &flags) < 0) { perror("shutdown"); return 1; }
  return 0;
}
`;

const UNMOUNT_ATTEMPTS = 60;

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    .toString()
    .trim();
}

export class CuttableDisk {
  readonly mountPoint: string;
  private readonly folder: string;
  private readonly cutter: string;
  private device = '';
  private isMounted = false;

  private constructor(folder: string) {
    this.folder = folder;
    this.mountPoint = join(folder, 'mount');
    this.cutter = join(folder, 'cut');
  }

  static make(sizeBytes: number): CuttableDisk {
    const disk = new CuttableDisk(mkdtempSync(join(tmpdir(), 'perfbroker-power-')));
    try {
      disk.set(sizeBytes);
      return disk;
    } catch (error) {
      disk.dispose();
      throw error;
    }
  }

  private set(sizeBytes: number): void {
    const { folder, mountPoint, cutter } = this;
    const image = join(folder, 'image');
    writeFileSync(`${cutter}.c`, SHUTDOWN_SOURCE);
    run('cc', '-o', cutter, `${cutter}.c`);
    writeFileSync(image, '');
    truncateSync(image, sizeBytes);
    run('mkfs.ext4', '-q', '-F', image);
    this.device = run('losetup', '--find', '--show', image);
    mkdirSync(mountPoint);
    this.mount();
  }

  /** The journal of what was cut is replayed. */
  mount(): void {
    run('mount', '-t', 'ext4', this.device, this.mountPoint);
    this.isMounted = true;
  }

  /** From now on nothing reaches the device any more. */
  cut(): void {
    run(this.cutter, this.mountPoint);
  }

  /** For a broker; beside what the file system puts into its root. */
  get dataFolder(): string {
    return join(this.mountPoint, 'data');
  }

  /** After a cut, when nobody has files open any more. */
  powerUp(): void {
    this.unmount();
    this.mount();
    this.forgetBoot();
  }

  /** A cut of the power is followed by another boot; this machine only looks so, and the vouchers of a boot must not count. */
  private forgetBoot(): void {
    const path = join(this.dataFolder, 'written-checkpoint');
    if (!existsSync(path)) return;
    const [, ...rest] = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, ['another-boot', ...rest].join('\n'));
  }

  /** Nobody may have files open. */
  unmount(): void {
    for (let attempt = 1; ; attempt++) {
      try {
        run('umount', this.mountPoint);
        break;
      } catch (error) {
        // What ended may still be on its way out.
        if (attempt === UNMOUNT_ATTEMPTS) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      }
    }
    this.isMounted = false;
    this.awaitEnd();
  }

  /** Another mount namespace may hold on to the file system for a moment: mounted again it would be the one that was shut down. */
  private awaitEnd(): void {
    const known = `/sys/fs/ext4/${basename(this.device)}`;
    for (let attempt = 1; existsSync(known); attempt++) {
      if (attempt === UNMOUNT_ATTEMPTS) throw new Error(`${this.device} is still in use after it was unmounted`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }

  dispose(): void {
    try {
      if (this.isMounted) run('umount', '-l', this.mountPoint);
      if (this.device !== '') run('losetup', '-d', this.device);
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

/** Null: all is there; else what is not, for the name of a skipped test. */
export function whyNot(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  try {
    const disk = CuttableDisk.make(16 << 20);
    try {
      disk.cut();
      return null;
    } finally {
      disk.dispose();
    }
  } catch (error) {
    return `needs loop devices, mkfs.ext4 and cc (${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''})`;
  }
}
