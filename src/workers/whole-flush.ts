/**
 * Flushes the whole file system of the data folder, in the background. Opened before what is to be flushed is written, since
 * it tells of what was lost from then on.
 */
import type { Disk } from '../storage/disk.ts';

export interface WholeFlushParts {
  readonly disk: Pick<Disk, 'open' | 'close'>;
  readonly folder: string;
  /** 0, or -errno. */
  readonly flushSystem: (fd: number) => Promise<number>;
}

export class WholeFlush {
  private readonly parts: WholeFlushParts;
  private fd = -1;

  constructor(parts: WholeFlushParts) {
    this.parts = parts;
  }

  /** False: it failed, or that cannot be told. Throws Fault when the folder cannot be opened. */
  async run(): Promise<boolean> {
    const { disk, folder, flushSystem } = this.parts;
    if (this.fd < 0) this.fd = disk.open(folder, 'read');
    return (await flushSystem(this.fd)) === 0;
  }

  close(): void {
    if (this.fd >= 0) this.parts.disk.close(this.fd);
    this.fd = -1;
  }
}
