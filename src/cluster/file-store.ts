/**
 * Catalog records in one append-only file, `perfbroker.metadata` in the data folder. An append is written and flushed to
 * the device before it resolves. `replaceAll` writes a new file beside the old one and renames it, so that a crash leaves
 * one of the two whole. The bytes are `metadata-frames.ts`.
 */
import { constants } from 'node:fs';
import * as nodeFiles from 'node:fs/promises';
import { constants as system } from 'node:os';
import { dirname, join } from 'node:path';
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import type { CatalogRecord } from './catalog-records.ts';
import { encodeFrame, fileHeader, scanFile } from './metadata-frames.ts';
import type { MetadataStore, OpenedMetadata } from './metadata-store.ts';

/** For the broker's user alone, whatever it was before: it holds what logs users in. A link is not followed. */
const FILE_MODE = 0o600;
const { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC } = constants;
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;

export const METADATA_FILE_NAME = 'perfbroker.metadata';

/** A start reads the file whole: it is long when it has this much, and several times what it was made with. */
const LONG_BYTES_MIN = 16 * 1024 * 1024;
const LONG_TIMES = 4;

/** What the store asks of an open file, or of a folder. */
export interface StoreFile {
  write(bytes: Uint8Array, at: number, length: number, position: number): Promise<{ readonly bytesWritten: number }>;
  sync(): Promise<void>;
  datasync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  readFile(): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Node's own, or those of a simulated disk. */
export interface StoreFiles {
  open(path: string, flags: number, mode?: number): Promise<StoreFile>;
  rename(from: string, to: string): Promise<void>;
}

export class FileStore implements MetadataStore {
  private readonly path: string;
  private readonly files: StoreFiles;
  private file: StoreFile | null = null;
  private endPosition = 0;
  private longBytes = LONG_BYTES_MIN;
  private isPoisoned = false;

  /** The folder exists; the caller holds its lock. */
  constructor(dataFolder: string, files: StoreFiles = nodeFiles) {
    this.path = join(dataFolder, METADATA_FILE_NAME);
    this.files = files;
  }

  get isLong(): boolean {
    return this.endPosition >= this.longBytes;
  }

  async open(): Promise<OpenedMetadata> {
    assert(this.file === null, 'the store is opened once');
    const bytes = await this.readAll();
    const scanned = scanFile(bytes, this.path);
    const notices: string[] = [];
    const tornBytes = bytes.length - scanned.wholeBytes;
    if (tornBytes > 0) {
      notices.push(
        `${this.path} ends with an unfinished record of ${tornBytes} bytes, which a crash left; it is cut off`,
      );
    }
    await this.openForAppend(scanned.wholeBytes);
    return { records: scanned.records, notices };
  }

  async append(records: readonly CatalogRecord[]): Promise<void> {
    const file = this.usableFile();
    const bytes = encodeFrame(records);
    try {
      await writeWhole(file, bytes, this.endPosition);
    } catch (cause) {
      this.isPoisoned = !(isDiskFull(cause) && (await this.isCutBack(file)));
      throw unwritable(this.path, cause);
    }
    try {
      await file.datasync();
    } catch (cause) {
      this.isPoisoned = true;
      throw unwritable(this.path, cause);
    }
    this.endPosition += bytes.length;
  }

  async replaceAll(records: readonly CatalogRecord[]): Promise<void> {
    const before = this.usableFile();
    // Where this fails it is not tried again before the file has grown by as much.
    this.longBytes = Math.max(this.longBytes, 2 * this.endPosition);
    const bytes = Buffer.concat([fileHeader(), ...records.map((record) => encodeFrame([record]))]);
    this.file = await this.replaced(bytes);
    this.endPosition = bytes.length;
    this.longBytes = Math.max(LONG_BYTES_MIN, LONG_TIMES * bytes.length);
    await before.close();
    try {
      await this.syncFolder();
    } catch (cause) {
      this.isPoisoned = true;
      throw unwritable(this.path, cause);
    }
  }

  async close(): Promise<void> {
    const file = this.file;
    this.file = null;
    if (file !== null) await file.close();
  }

  /** The new file under the name of the old one. Until it is, nothing has happened to the old one. */
  private async replaced(bytes: Uint8Array): Promise<StoreFile> {
    const beside = `${this.path}.new`;
    try {
      const next = await this.files.open(beside, O_RDWR | O_CREAT | O_TRUNC | NO_FOLLOW, FILE_MODE);
      try {
        await next.chmod(FILE_MODE);
        await writeWhole(next, bytes, 0);
        await next.sync();
        await this.files.rename(beside, this.path);
        return next;
      } catch (cause) {
        // What it took of a full disk it gives back.
        await next.truncate(0).catch(() => undefined);
        await next.close();
        throw cause;
      }
    } catch (cause) {
      throw unwritable(this.path, cause);
    }
  }

  /** A full disk is no reason to trust the file less, if what it took of the record is gone again. */
  private async isCutBack(file: StoreFile): Promise<boolean> {
    try {
      await file.truncate(this.endPosition);
      return true;
    } catch {
      return false;
    }
  }

  private usableFile(): StoreFile {
    if (this.isPoisoned) {
      throw new Fault(
        'PB_DISK_ERROR',
        `${this.path} could not be written earlier; look at the disk and restart the broker`,
      );
    }
    assert(this.file !== null, 'the store is open');
    return this.file;
  }

  private async readAll(): Promise<Uint8Array> {
    try {
      const file = await this.files.open(this.path, O_RDONLY | NO_FOLLOW);
      try {
        return await file.readFile();
      } finally {
        await file.close();
      }
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return new Uint8Array(0);
      throw new Fault('PB_DATA_UNWRITABLE', `${this.path} cannot be read (${codeOf(cause)}); check its permissions`, {
        cause,
      });
    }
  }

  /** Cuts a torn tail off, and begins a new file with its header. */
  private async openForAppend(wholeBytes: number): Promise<void> {
    try {
      const begun = wholeBytes === 0 ? O_CREAT | O_TRUNC : 0;
      this.file = await this.files.open(this.path, O_RDWR | begun | NO_FOLLOW, FILE_MODE);
      await this.file.chmod(FILE_MODE);
      await this.file.truncate(wholeBytes);
      this.endPosition = wholeBytes;
      if (wholeBytes > 0) return;
      const header = fileHeader();
      await writeWhole(this.file, header, 0);
      await this.file.sync();
      await this.syncFolder();
      this.endPosition = header.length;
    } catch (cause) {
      throw unwritable(this.path, cause);
    }
  }

  private async syncFolder(): Promise<void> {
    const folder = await this.files.open(dirname(this.path), O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

/** A write may take fewer bytes than it was given. */
async function writeWhole(file: StoreFile, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    if (bytesWritten === 0) throw new Error('the file takes no more bytes');
    written += bytesWritten;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** The disk, or what one user may have of it, for which Node has no name. */
function isDiskFull(error: unknown): boolean {
  if (codeOf(error) === 'ENOSPC') return true;
  return error instanceof Error && 'errno' in error && error.errno === -system.errno.EDQUOT;
}

function unwritable(path: string, cause: unknown): Fault {
  const code = codeOf(cause);
  if (isDiskFull(cause))
    return new Fault('PB_DISK_FULL', `the disk of ${path} is full; free some space and try again`, { cause });
  return new Fault('PB_DATA_UNWRITABLE', `${path} cannot be written (${code}); check its permissions and the disk`, {
    cause,
  });
}
