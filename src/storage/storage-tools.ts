/**
 * What all logs of one thread share, so that an idle partition costs little: the disk, the checksum, the open files, the
 * scratch memories and the write vectors of the turn. Made once per thread by whoever runs logs there.
 *
 * Scratch is lent for one call and never across calls. It knows no log.
 */
import { assert } from '../base/assert.ts';
import { BatchCheck, type BatchRules, createBatchRules } from '../protocol/batch-check.ts';
import type { Memory } from '../zerocopy/memory.ts';
import { BatchScan } from './batch-scan.ts';
import { BatchWalk } from './batch-walk.ts';
import { ChainWalk } from './chain-walk.ts';
import type { Disk } from './disk.ts';
import { DiskRoom } from './disk-room.ts';
import { FileCache } from './file-cache.ts';
import { IndexPages } from './index-pages.ts';
import { PendingWrites } from './pending-writes.ts';
import { RemovedFiles } from './removed-files.ts';

export type Crc = (memory: Memory, at: number, length: number) => number;

/** Where storage says what it did; messages are sentences. A logger of the base floor fits. */
export interface StorageLogger {
  info(message: string): void;
  warn(message: string): void;
}

export interface StorageToolsParts {
  readonly disk: Disk;
  readonly crc: Crc;
  readonly logger: StorageLogger;
  /** Most files kept open for logs of this thread; active segments and leased ones come on top when they must. */
  readonly filesOpenMax: number;
  /** What stays free on the disk of the data folder, whatever producers send; without it nothing does. */
  readonly reserve?: { readonly folder: string; readonly bytes: number };
}

export const SCRATCH_BYTES = 4096;
export const GATHER_BYTES = 65_536;
const SPARE_WRITES_MAX = 64;

export class StorageTools {
  readonly disk: Disk;
  readonly crc: Crc;
  readonly logger: StorageLogger;
  readonly files: FileCache;
  readonly removed = new RemovedFiles();
  readonly room: DiskRoom;
  readonly walk: BatchWalk;
  readonly check: BatchCheck<Memory>;
  readonly rules: BatchRules;
  readonly indexPages: IndexPages;
  /** For small reads and writes of any kind, a call at a time. */
  readonly scratch: Memory;
  private chainWalkNow: ChainWalk | null = null;
  private scanNow: BatchScan | null = null;
  private gatherNow: Memory | null = null;
  private rewriteRoomNow: Uint8Array<ArrayBuffer> | null = null;
  private readonly spareWrites: PendingWrites[] = [];

  constructor(parts: StorageToolsParts) {
    this.disk = parts.disk;
    this.crc = parts.crc;
    this.logger = parts.logger;
    this.room = new DiskRoom(parts.disk, parts.reserve?.folder ?? '', parts.reserve?.bytes ?? 0);
    this.files = new FileCache(parts.disk, parts.filesOpenMax);
    this.walk = new BatchWalk(parts.disk);
    this.check = new BatchCheck<Memory>(parts.crc);
    this.rules = createBatchRules();
    this.indexPages = new IndexPages(parts.disk);
    this.scratch = parts.disk.allocate(SCRATCH_BYTES);
  }

  /** For what was found on disk; made when it is first needed. */
  get chainWalk(): ChainWalk {
    this.chainWalkNow ??= new ChainWalk(this.disk, this.crc);
    return this.chainWalkNow;
  }

  /**
   * For recovery and compaction, one after the other, which read segments from end to end. Its megabyte is too much to be made for
   * each of thousands of them.
   */
  takeScan(): BatchScan {
    this.scanNow ??= new BatchScan(this.disk, this.crc);
    this.scanNow.renew();
    return this.scanNow;
  }

  /** Where compaction gathers what it writes, a segment at a time. */
  get gather(): Memory {
    this.gatherNow ??= this.disk.allocate(GATHER_BYTES);
    return this.gatherNow;
  }

  /** And where it makes batches anew. */
  get rewriteRoom(): Uint8Array<ArrayBuffer> {
    this.rewriteRoomNow ??= new Uint8Array(GATHER_BYTES);
    return this.rewriteRoomNow;
  }

  /** A log that writes in this turn borrows a vector, so that there are as many as logs written to in one turn. */
  takeWrites(): PendingWrites {
    const writes = this.spareWrites.pop() ?? new PendingWrites();
    assert(writes.count === 0, 'a lent write vector is empty');
    return writes;
  }

  giveWrites(writes: PendingWrites): void {
    writes.clear();
    if (this.spareWrites.length < SPARE_WRITES_MAX) this.spareWrites.push(writes);
  }
}
