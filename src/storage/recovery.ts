/**
 * Puts a partition's folder in order after an unclean stop: scans what nobody vouches for, cuts the log at the first bytes
 * that are no whole, valid batch, and makes indexes, epochs and the producer snapshot fit what is left. Run side by side
 * for many partitions before the workers open them, or by `log-open`; plain arguments in, a plain report out.
 *
 * Two vouchers. The recovery point was flushed to the device: it holds always. The written offset was only written, under
 * a boot of the machine; while that boot lasts the page cache has it, so after a killed process only the last, perhaps torn,
 * writes are scanned. The caller passes -1 when the boot is another. What is vouched for is still walked by its headers,
 * from the last index entry on, because what waited in memory for the indexes is gone.
 *
 *   segment    │ vouched, index sound: left alone │ vouched up to here ──┐ then checksums      │ all checksums
 */
import { getSystemErrorName } from 'node:util';
import { Fault } from '../base/fault.ts';
import { batchLeaderEpoch, batchMaxTimestamp } from '../protocol/batch.ts';
import type { BatchScan } from './batch-scan.ts';
import { cutBound, readBound } from './compaction-bound.ts';
import { collectEpochs, EpochHistory } from './epoch-history.ts';
import { forgetFailedFlush, hasFailedFlush, noteFailedFlush, rewriteFile } from './failed-flush.ts';
import type { FileHandle } from './file-cache.ts';
import { listSegments } from './partition-files.ts';
import { type DecidedTransaction, ProducerLedger } from './producer-ledger.ts';
import {
  firstUsefulSnapshot,
  loadLedger,
  loadNewestSnapshot,
  loadOldestSnapshot,
  type RottenBatches,
  replayBatch,
  snapshotOffsets,
} from './producer-replay.ts';
import { saveSnapshot, snapshotPath, syncSnapshot } from './producer-snapshot.ts';
import type { Segment } from './segment.ts';
import type { StorageTools } from './storage-tools.ts';

export interface RecoveryArgs {
  readonly folder: string;
  readonly partitionName: string;
  readonly recoveryPoint: number;
  /** -1 when nobody vouches for written bytes. */
  readonly writtenOffset: number;
  readonly indexIntervalBytes: number;
  /** Nobody knows up to where it was compacted. */
  readonly mayHaveGaps: boolean;
  /** Up to there it was compacted at some time, whatever its settings say now. */
  readonly cleanedOffset: number;
  /** Flush what was found, for logs whose acknowledgements promise the device. */
  readonly isSynced: boolean;
  /** Whoever asks flushes the whole file system before anybody appends. */
  readonly isFlushShared: boolean;
  readonly nowMs: number;
}

/** Structured-cloneable. After it the log opens as after a clean stop. */
export interface RecoveryReport {
  readonly partitionName: string;
  readonly endOffset: number;
  readonly recoveryPoint: number;
  readonly bytesScanned: number;
  readonly bytesCut: number;
  readonly segmentsRemoved: number;
}

/** Of the common file systems; no smaller than any other's, or a multiple of it. */
const BLOCK_BYTES = 4096;
const NOTHING: ReadonlySet<number> = new Set();
const NO_SNAPSHOT = -1;

/** Throws Fault when the folder cannot be put in order. */
export function recoverPartition(tools: StorageTools, args: RecoveryArgs): RecoveryReport {
  return new Recovery(tools, args).run();
}

class Recovery {
  private readonly tools: StorageTools;
  private readonly args: RecoveryArgs;
  private readonly scan: BatchScan;
  private readonly segments: Segment[];
  private readonly ledger = new ProducerLedger();
  private readonly vouched: number;
  private readonly flushed: number;
  /** Up to there compaction may have left gaps between batches. */
  private readonly gapsBelow: number;
  /** What lies before it is in the ledger already. */
  private replayFrom = 0;
  /** Where the first segments are gone: the producers by a snapshot that nobody vouches for. It holds if the log reaches it. */
  private readonly later = new ProducerLedger();
  private laterFrom = NO_SNAPSHOT;
  private epochs: EpochHistory;
  private endOffset = 0;
  private bytesCut = 0;
  private segmentsRemoved = 0;
  private readonly abortedAnew: Segment[] = [];
  /** What looks clean in memory may never have reached the device. */
  private readonly isDistrusted: boolean;

  constructor(tools: StorageTools, args: RecoveryArgs) {
    this.tools = tools;
    this.args = args;
    this.scan = tools.takeScan();
    this.isDistrusted = hasFailedFlush(tools, args.folder);
    this.segments = listSegments(tools, args.folder, args.nowMs, true);
    const bound = readBound(tools.disk, args.folder);
    this.gapsBelow = args.mayHaveGaps ? Number.POSITIVE_INFINITY : Math.max(bound.gapsBelow, args.cleanedOffset);
    this.flushed = Math.max(0, args.recoveryPoint, bound.flushed);
    // After a failed flush the page cache may have let go of what was written.
    const written = this.isDistrusted ? -1 : Math.max(args.writtenOffset, this.snapshotVoucher());
    this.vouched = Math.max(this.flushed, written);
    this.endOffset = this.segments[0]?.baseOffset ?? 0;
    const known = EpochHistory.read(tools, args.folder);
    this.epochs = known ?? new EpochHistory(tools, args.folder, []);
    if (known === null) collectEpochs(tools, this.segments, this.epochs);
  }

  run(): RecoveryReport {
    let isFirstScan = true;
    for (let index = 0; index < this.segments.length; index++) {
      const segment = this.segments[index]!;
      const upper = this.segments[index + 1]?.baseOffset ?? Number.POSITIVE_INFINITY;
      if (upper <= this.vouched) {
        this.checkIndexes(segment);
        this.endOffset = upper;
        continue;
      }
      const position = this.placeToBegin(segment);
      if (isFirstScan) this.prepareLedger(segment, position);
      isFirstScan = false;
      const isWhole = this.scanSegment(segment, position, this.vouched, true);
      // Where one segment does not end where the next begins, writes were lost in between and what follows is no
      // continuation; only compaction leaves such gaps.
      const isFollowed = this.endOffset === upper || (this.mayHaveGap(upper) && this.endOffset < upper);
      if (!isWhole || (index + 1 < this.segments.length && !isFollowed)) {
        this.removeBehind(index);
        break;
      }
    }
    this.writeDown();
    if (this.endOffset < this.vouched) {
      this.tools.logger.warn(
        `${this.args.partitionName} ends at offset ${this.endOffset}, though it was written up to ${this.vouched}; the offsets between are given out again`,
      );
    }
    const recoveryPoint =
      this.args.isSynced || this.isDistrusted ? this.endOffset : Math.min(this.flushed, this.endOffset);
    return {
      partitionName: this.args.partitionName,
      endOffset: this.endOffset,
      recoveryPoint,
      bytesScanned: this.scan.bytesRead,
      bytesCut: this.bytesCut,
      segmentsRemoved: this.segmentsRemoved,
    };
  }

  private mayHaveGap(upper: number): boolean {
    return upper <= this.gapsBelow;
  }

  /** A snapshot is written after the batches it knows of: under the same boot it vouches for them. */
  private snapshotVoucher(): number {
    if (this.args.writtenOffset < 0) return 0;
    const { folder, nowMs } = this.args;
    return loadNewestSnapshot(this.tools, folder, 0, Number.POSITIVE_INFINITY, this.ledger, nowMs);
  }

  /** Where the scan of a segment begins: at the last index entry that the voucher covers, else at its first byte. */
  private placeToBegin(segment: Segment): number {
    const size = segment.sizeBytes;
    const isVouchedFor = this.vouched > segment.baseOffset;
    if (!isVouchedFor || !segment.offsets.isSound(size) || !segment.times.isSound()) return 0;
    return Math.min(segment.offsets.floorByOffset(this.vouched), size);
  }

  /**
   * The producers as they were at the place where the scan begins, or, where a snapshot knows more, a little behind it. Of those
   * whose batches went with the first segments only a snapshot can tell that was written behind them.
   */
  private prepareLedger(segment: Segment, position: number): void {
    const { tools, args, segments, ledger } = this;
    const { folder, nowMs } = args;
    const offset = segment.firstOffsetAt(position, segment.baseOffset);
    const vouched = Math.max(this.vouched, offset);
    const first = firstUsefulSnapshot(segments);
    const snapshot = loadNewestSnapshot(tools, folder, first, vouched, ledger, nowMs);
    this.replayFrom = Math.max(snapshot, offset);
    const isLaterWanted = snapshot < 0 && first > 0;
    this.laterFrom = isLaterWanted ? loadOldestSnapshot(tools, folder, vouched, this.later, nowMs) : NO_SNAPSHOT;
    if (snapshot >= offset) return;
    if (!loadLedger(tools, folder, segments, offset, ledger, nowMs)) {
      if (tools.walk.readError < 0) throw unreadable(folder, tools.walk.position, tools.walk.readError);
      tools.logger.warn(
        `${args.partitionName}: earlier batches cannot be read; producers before ${offset} are forgotten`,
      );
    }
  }

  /** True when the segment is good to its last byte; else it was cut where it stops being so. */
  private scanSegment(segment: Segment, from: number, vouched: number, isReplayed: boolean): boolean {
    const { scan, tools } = this;
    const size = segment.sizeBytes;
    scan.begin(tools.files.pin(segment.log), from, size, segment.baseOffset, vouched, this.gapsBelow);
    this.endOffset = Math.max(this.endOffset, segment.baseOffset);
    let isBegun = false;
    const rotten = { crc: tools.crc, aborted: isReplayed ? segment.aborted.markerOffsets() : NOTHING };
    while (scan.next()) {
      if (!isBegun) this.resetBehind(segment, from, scan.baseOffset, isReplayed);
      isBegun = true;
      const view = scan.memory.view;
      segment.noteBatch(
        scan.position,
        scan.length,
        scan.lastOffset,
        batchMaxTimestamp(view, scan.at),
        this.args.indexIntervalBytes,
      );
      this.endOffset = scan.lastOffset + 1;
      if (!isReplayed) continue;
      const epoch = batchLeaderEpoch(view, scan.at);
      if (epoch > this.epochs.latest) this.epochs.begin(epoch, scan.baseOffset);
      if (scan.baseOffset < this.replayFrom) continue;
      const ended = this.replay(this.ledger, scan.isVouched ? rotten : null);
      if (this.laterFrom >= 0 && scan.baseOffset >= this.laterFrom) this.replay(this.later, null);
      if (ended?.isAborted)
        segment.aborted.append(ended.producerId, ended.firstOffset, ended.lastOffset, ended.stableOffset);
    }
    if (scan.readError < 0) {
      tools.files.unpin(segment.log);
      throw unreadable(segment.log.path, scan.position, scan.readError);
    }
    // Nothing good behind the place: the index entry that led here was wrong, or the file ends here.
    if (!isBegun && from > 0 && scan.isDamaged) {
      tools.files.unpin(segment.log);
      if (isReplayed) this.prepareLedger(segment, 0);
      return this.scanSegment(segment, 0, vouched, isReplayed);
    }
    if (!isBegun) this.resetBehind(segment, from, this.endOffset, isReplayed);
    // What is vouched for is only walked for its indexes: behind a damaged batch lie others that are served.
    if (scan.isDamaged && isReplayed) this.cut(segment, scan.position, size);
    else if (scan.isDamaged) segment.noteUnwalked();
    if (isReplayed && segment.aborted.hasFile) this.abortedAnew.push(segment);
    segment.seal();
    tools.files.unpin(segment.log);
    return !scan.isDamaged;
  }

  private replay(ledger: ProducerLedger, rotten: RottenBatches | null): DecidedTransaction | null {
    const { memory, at, length } = this.scan;
    return replayBatch(ledger, memory, at, length, this.args.nowMs, rotten);
  }

  private resetBehind(segment: Segment, position: number, offset: number, isReplayed: boolean): void {
    const firstOffset = position === 0 ? segment.baseOffset : offset;
    // Aborted transactions are only found anew where producers are replayed.
    const abortedOffset = isReplayed ? Math.max(firstOffset, this.replayFrom) : Number.POSITIVE_INFINITY;
    segment.dropIndexesFrom(position, firstOffset, abortedOffset);
  }

  private cut(segment: Segment, position: number, size: number): void {
    this.tools.disk.truncate(this.tools.files.use(segment.log), position);
    this.bytesCut += size - position;
    this.tools.logger.warn(
      `${segment.log.path}: the last ${size - position} bytes are no whole batch and were cut off; the log ends at offset ${this.endOffset}`,
    );
  }

  private removeBehind(index: number): void {
    for (const segment of this.segments.splice(index + 1)) {
      this.bytesCut += segment.sizeBytes;
      this.segmentsRemoved += 1;
      this.tools.logger.warn(`${segment.log.path} lies behind a damaged place and was removed`);
      segment.close(true);
    }
  }

  private checkIndexes(segment: Segment): void {
    if (segment.offsets.isSound(segment.sizeBytes) && segment.times.isSound()) {
      // Flushed batches say nothing of their index files, whose names or ends the power may have taken.
      if (this.args.writtenOffset < 0) segment.completeTimes();
      return;
    }
    this.tools.logger.warn(`${segment.log.path}: its indexes are damaged and are made anew`);
    this.scanSegment(segment, 0, Number.POSITIVE_INFINITY, false);
  }

  private writeDown(): void {
    const { tools, args } = this;
    this.epochs.truncateFrom(this.endOffset + 1);
    this.epochs.save();
    cutBound(tools.disk, args.folder, this.endOffset);
    const untrue = snapshotOffsets(tools, args.folder).filter((offset) => offset > this.endOffset);
    for (const offset of untrue) tools.disk.remove(snapshotPath(args.folder, offset));
    const isReplayed = this.segments.some(
      (_segment, index) => (this.segments[index + 1]?.baseOffset ?? Number.POSITIVE_INFINITY) > this.vouched,
    );
    if (isReplayed) this.saveProducers();
    // Were a cut lost with the power, batches of before would stand behind those written after it. What a killed process
    // leaves torn was never whole, so there the flush can be spared.
    const isSynced = args.isSynced || this.isDistrusted || (this.bytesCut > 0 && args.writtenOffset < 0);
    // Whoever vouches for the batches vouches for these: the next recovery may not replay so far back.
    for (const { aborted } of this.abortedAnew) this.sync(aborted.file.handle);
    if (args.writtenOffset < 0) this.clearBehindEnd(!isSynced && !args.isFlushShared);
    for (const segment of this.segments) {
      if (this.isDistrusted) this.writeAgain(segment);
      if (isSynced) this.sync(segment.log);
      segment.close(false);
    }
    if (this.isDistrusted) forgetFailedFlush(tools, args.folder);
    // A snapshot that came back with the next power cut would tell of batches whose places others have taken.
    if (isSynced || this.segmentsRemoved > 0 || this.abortedAnew.length > 0 || untrue.length > 0)
      tools.disk.syncFolder(args.folder);
  }

  /** Whoever opens the log sweeps older snapshots away, and the batches that they know of may be gone. */
  private saveProducers(): void {
    const { tools, args, endOffset, laterFrom } = this;
    const isLaterTrue = laterFrom >= 0 && laterFrom <= endOffset;
    saveSnapshot(tools, args.folder, endOffset, isLaterTrue ? this.later : this.ledger);
    if (args.isSynced)
      this.demandSynced(snapshotPath(args.folder, endOffset), syncSnapshot(tools.disk, args.folder, endOffset));
  }

  /**
   * A power cut may leave batches behind a file's end, in its last block: their bytes had reached the device, the file's new
   * size had not. What is appended next lands on them. Were the power cut again, now with the size on the device and not the
   * bytes, they would come back, whole, at the offsets of others that were acknowledged. So zeros take their place there
   * before anybody appends.
   */
  private clearBehindEnd(isFlushed: boolean): void {
    const active = this.segments.at(-1);
    if (active === undefined || active.sizeBytes % BLOCK_BYTES === 0) return;
    const { disk, files } = this.tools;
    const fd = files.use(active.log);
    // A file that shrinks has the rest of its last block cleared, and written with the next flush.
    disk.truncate(fd, active.sizeBytes + BLOCK_BYTES);
    disk.truncate(fd, active.sizeBytes);
    if (isFlushed) this.sync(active.log);
  }

  /** What no successful flush vouches for, after one that failed. */
  private writeAgain({ log, offsets, times, aborted }: Segment): void {
    const index = this.segments.findIndex((segment) => segment.log === log);
    const upper = this.segments[index + 1]?.baseOffset ?? Number.POSITIVE_INFINITY;
    if (upper <= this.flushed) return;
    const handles = [log, offsets.file.handle, times.file.handle];
    if (aborted.hasFile) handles.push(aborted.file.handle);
    for (const handle of handles) {
      if (this.tools.disk.stat(handle.path) === null) continue;
      rewriteFile(this.tools, handle);
      this.sync(handle);
    }
  }

  /** What the report vouches for must be on the device. */
  private sync(file: FileHandle): void {
    this.demandSynced(file.path, this.tools.disk.sync(this.tools.files.use(file)));
  }

  /** The next start must not take for flushed what this flush has only made to look so. */
  private demandSynced(path: string, error: number): void {
    if (error >= 0) return;
    noteFailedFlush(this.tools, this.args.folder);
    throw new Fault('PB_DISK_ERROR', `${path} could not be flushed to the device: error ${-error}; look at the disk`);
  }
}

/** What cannot be read now may be whole: to cut it off would make a loss of what the disk, asked again, may give. */
export function unreadable(path: string, position: number, error: number): Fault {
  return new Fault(
    'PB_DISK_ERROR',
    `${path} could not be read behind byte ${position}: ${getSystemErrorName(error)}; nothing was cut off, look at the disk and start again`,
  );
}
