/**
 * One partition's log: the face that a partition worker uses. Opened by `log-open`; everything below is its business.
 *
 * Appending takes two steps, so that all batches of a turn cost one write:
 *   `append` checks a batch, gives it its offsets (stamped in the caller's bytes) and queues the span; `appended` tells.
 *   `flushWrites` writes what is queued. Only then do `watermarks` move, and only then may anything be acknowledged, also
 *   what was a duplicate. The spans must stay as they are until it has returned. A queue that fills up, or a new segment,
 *   writes earlier parts sooner. When it returns a negative errno the log is poisoned: appends are answered with
 *   KAFKA_STORAGE_ERROR until `heal` (the disk was full) or a restart. Of the turn's appends those whose `lastOffset` lies
 *   below `watermarks.end` were written before the failure, the others never were.
 *
 * Where acknowledgements wait for flushes (see `flush-policy`), `watermarks.high` stays behind `end`: `owesSync` says that a
 * flush is due, `beginSync` fills `syncFds` for the disk aide, `endSync` takes the outcome. One flush at a time.
 *
 * `read` gives a region of whole batches under a lease, to be given back with `releaseLease`. All results are objects that
 * the next call of the same method overwrites. Nothing here waits, keeps time or throws on the data path.
 */
import { getSystemErrorName } from 'node:util';
import { assert } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import { stampBatch } from '../protocol/batch.ts';
import { REASON_DISK_FULL } from '../protocol/batch-reasons.ts';
import { APPEND_FLAG_INTERNAL, READ_FLAG_COMMITTED } from '../zerocopy/layout.ts';
import type { Memory } from '../zerocopy/memory.ts';
import { AbortedCheck } from './aborted-check.ts';
import type { AbortedList } from './aborted-index.ts';
import { Appender } from './appender.ts';
import { BatchIntake, clearAppended, createAppended } from './batch-intake.ts';
import { cutBound } from './compaction-bound.ts';
import type { EpochEnd, EpochHistory } from './epoch-history.ts';
import { noteFailedFlush } from './failed-flush.ts';
import { FlushPolicy } from './flush-policy.ts';
import { LedgerSnapshots } from './ledger-snapshots.ts';
import { LogCleaning } from './log-cleaning.ts';
import type { LogSettings } from './log-settings.ts';
import { LogSync } from './log-sync.ts';
import { LogUpkeep } from './log-upkeep.ts';
import { LogWriteBack } from './log-write-back.ts';
import { isPassing, passingErrorOf } from './passing-errors.ts';
import type { ProducerFacts } from './producer-entry.ts';
import type { DecidedTransaction, ProducerLedger } from './producer-ledger.ts';
import { loadLedger } from './producer-replay.ts';
import { Reader, type ReadResult } from './reader.ts';
import type { SegmentList } from './segment-list.ts';
import { SegmentRoll } from './segment-roll.ts';
import type { StorageTools } from './storage-tools.ts';
import { type FoundOffset, TimestampSearch } from './timestamp-search.ts';
import { Watermarks } from './watermarks.ts';

const NONE = 0;
const OFFSET_OUT_OF_RANGE = 1;
const EIO = 5;

export const TIMESTAMP_LATEST = -1;
export const TIMESTAMP_EARLIEST = -2;
export const TIMESTAMP_MAX = -3;
export const TIMESTAMP_EARLIEST_LOCAL = -4;
export const TIMESTAMP_LATEST_TIERED = -5;

export interface LogParts {
  readonly tools: StorageTools;
  readonly partitionName: string;
  readonly settings: LogSettings;
  readonly list: SegmentList;
  readonly ledger: ProducerLedger;
  readonly epochs: EpochHistory;
  readonly start: number;
  readonly end: number;
  readonly recoveryPoint: number;
  /** Up to there it was compacted. */
  readonly cleanedOffset: number;
  /** Up to there compaction may have left gaps. */
  readonly gapsBelow: number;
}

export class Log {
  readonly partitionName: string;
  readonly watermarks: Watermarks;
  readonly appended = createAppended();
  readonly found: FoundOffset = { error: 0, offset: -1, timestamp: -1, leaderEpoch: -1 };
  readonly epochEnd: EpochEnd = { epoch: -1, endOffset: -1 };
  readonly sync: LogSync;
  readonly writeBack: LogWriteBack;
  /** The old end: retention and a moved start. */
  readonly upkeep: LogUpkeep;
  readonly cleaning: LogCleaning;
  leaderEpoch = 0;
  /** Bytes appended since the log was opened. */
  bytesAppended = 0;
  settings: LogSettings;
  private readonly tools: StorageTools;
  private readonly list: SegmentList;
  private readonly ledger: ProducerLedger;
  private readonly epochs: EpochHistory;
  private readonly policy: FlushPolicy;
  private readonly intake: BatchIntake;
  private readonly appender: Appender;
  private readonly reader: Reader;
  private readonly search: TimestampSearch;
  private readonly abortedCheck: AbortedCheck;
  private readonly snapshots: LedgerSnapshots;
  private readonly segmentRoll: SegmentRoll;
  private readonly endedTransactions: DecidedTransaction[] = [];
  /** The offset the next record gets: runs ahead of `watermarks.end` by what is queued. */
  private nextOffset: number;
  private gapsBelow: number;
  private poison = 0;
  private hasFailedFlush = false;
  /** The next start is to know of the failed flush, and there was no room to write it down. */
  private owesNote = false;
  /** Of a poisoned log the stable offset stays where it was. */
  private stableMax = Number.POSITIVE_INFINITY;
  private isOpen = true;
  private nowMs = 0;

  constructor(parts: LogParts) {
    this.tools = parts.tools;
    this.partitionName = parts.partitionName;
    this.settings = parts.settings;
    this.list = parts.list;
    this.ledger = parts.ledger;
    this.epochs = parts.epochs;
    this.policy = new FlushPolicy(parts.settings);
    this.intake = new BatchIntake(parts.tools, parts.ledger);
    this.appender = new Appender(parts.tools);
    this.reader = new Reader(parts.tools, parts.list);
    this.abortedCheck = new AbortedCheck(parts.tools, parts.list);
    this.search = new TimestampSearch(parts.tools, parts.list);
    this.watermarks = new Watermarks(parts.start, parts.end);
    // What waits for a flush is not seen before it, also when it was found and not written: a power cut may still take it.
    const high = this.policy.highFor(parts.start, parts.end, Math.min(parts.recoveryPoint, parts.end));
    this.watermarks.set(parts.start, parts.start, high, parts.end);
    this.sync = new LogSync(parts.tools, parts.list, Math.min(parts.recoveryPoint, parts.end));
    this.writeBack = new LogWriteBack(parts.tools, parts.list);
    this.snapshots = new LedgerSnapshots(parts.tools, parts.list, parts.ledger);
    this.segmentRoll = new SegmentRoll(parts.partitionName);
    this.cleaning = new LogCleaning({ ...parts, marks: this.watermarks, reader: this.reader });
    this.upkeep = new LogUpkeep({
      ...parts,
      cleaning: this.cleaning,
      marks: this.watermarks,
      reader: this.reader,
      snapshots: this.snapshots,
      saveProducers: () => this.saveProducers(),
      flushedOffset: () => this.sync.offset,
      hasFailedFlush: () => this.hasFailedFlush,
      roll: (nowMs) => this.roll(nowMs),
      warn: (message) => parts.tools.logger.warn(message),
    });
    this.gapsBelow = parts.gapsBelow;
    this.noteGaps();
    this.nextOffset = parts.end;
    this.leaderEpoch = Math.max(0, parts.epochs.latest);
    this.advance(parts.end);
  }

  get folder(): string {
    return this.list.folder;
  }

  get isPoisoned(): boolean {
    return this.poison !== 0;
  }

  get totalBytes(): number {
    return this.list.totalBytes;
  }

  get segmentCount(): number {
    return this.list.items.length;
  }

  get leaseCount(): number {
    return this.reader.leaseCount;
  }

  /** What `recovery-point-offset-checkpoint` says. */
  get recoveryPoint(): number {
    return this.sync.recoveryPoint;
  }

  get producerCount(): number {
    return this.ledger.count;
  }

  /** Throws Fault when the new settings promise the device and the names of the files cannot be flushed to it. */
  configure(settings: LogSettings): void {
    this.settings = settings;
    this.policy.configure(settings);
    this.upkeep.settings = settings;
    this.cleaning.settings = settings;
    this.noteGaps();
    this.syncNames();
    this.advance(this.watermarks.end);
  }

  /** Once it may have been compacted it is taken for that: which of its offsets are gone nobody knows for sure. */
  private noteGaps(): void {
    if (this.settings.isCompacted) this.gapsBelow = Number.POSITIVE_INFINITY;
    this.reader.gapsBelow = this.gapsBelow;
  }

  /** Flushed bytes are worth nothing in a file whose name the power takes. Throws Fault. */
  syncNames(): void {
    if (!this.policy.holdsAcks) return;
    this.tools.disk.syncFolder(this.folder);
    this.list.hasUnsyncedNames = false;
  }

  // ── appending ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A Kafka error code, 0 when the batch is queued (or was appended before: `appended.isDuplicate`). */
  append(memory: Memory, at: number, length: number, flags: number, nowMs: number): number {
    assert(this.isOpen, 'an open log is appended to');
    clearAppended(this.appended, this.watermarks.start);
    this.nowMs = nowMs;
    const check = this.tools.check;
    const error = this.intake.admit(memory, at, length, flags, nowMs, this.settings, this.appended);
    if (this.poison !== 0) return this.answerPoisoned(memory, at, length, error);
    if (error !== NONE || this.appended.isDuplicate) return error;
    if (this.tools.room.isLow && (flags & APPEND_FLAG_INTERNAL) === 0) {
      this.appended.reason = REASON_DISK_FULL;
      return this.intake.refuse(memory.view, at, length);
    }
    const maxTimestamp = this.intake.stampTimes(memory, at, length, nowMs, this.settings, this.appended);
    if (!this.makeRoom(length, check.lastOffsetDelta, maxTimestamp, nowMs))
      return this.intake.refuse(memory.view, at, length);
    const baseOffset = this.nextOffset;
    const lastOffset = baseOffset + check.lastOffsetDelta;
    assert(Number.isSafeInteger(lastOffset), 'offsets stay exact');
    stampBatch(memory.view, at, baseOffset, this.leaderEpoch);
    this.appender.queue(memory, at, length, lastOffset, maxTimestamp);
    if (check.producerId >= 0) {
      const ended = this.intake.record(baseOffset, lastOffset, maxTimestamp, nowMs);
      if (ended !== null) this.endedTransactions.push(ended);
    }
    this.nextOffset = lastOffset + 1;
    this.appended.baseOffset = baseOffset;
    this.appended.lastOffset = lastOffset;
    return NONE;
  }

  /** A batch sent again that readers have seen is answered whatever has become of the disk since. */
  private answerPoisoned(memory: Memory, at: number, length: number, error: number): number {
    if (error === NONE && this.appended.isDuplicate && this.appended.lastOffset < this.watermarks.high) return NONE;
    clearAppended(this.appended, this.watermarks.start);
    return this.intake.refuse(memory.view, at, length);
  }

  /** Bytes written; a negative errno when the log is poisoned, be it by this write or an earlier one. */
  flushWrites(): number {
    if (this.poison !== 0) return this.poison;
    if (this.appender.queuedBytes === 0) return 0;
    const segment = this.list.active;
    const written = this.appender.flush(segment, this.settings.indexIntervalBytes);
    if (written < 0) return this.fail(written);
    segment.isUnsynced = true;
    this.bytesAppended += written;
    this.tools.room.noteWritten(written);
    this.policy.noteWritten(this.nowMs);
    if (this.endedTransactions.length > 0 && this.writeAborted() < 0) return this.poison;
    this.advance(this.nextOffset);
    this.snapshots.note(written, this.watermarks.end);
    return written;
  }

  /** Puts a log back to work that found no room, or no descriptor. 0, or a negative errno when it stays poisoned. */
  heal(nowMs: number): number {
    if (this.poison === 0) return 0;
    if (this.owesNote) this.owesNote = !noteFailedFlush(this.tools, this.folder);
    // After a failed flush the kernel may have dropped pages it calls clean, also where it was room that the flush found
    // missing: only recovery can tell what is left.
    if (this.hasFailedFlush || !isPassing(this.poison)) return this.poison;
    const segment = this.list.active;
    try {
      this.tools.disk.truncate(this.tools.files.use(segment.log), segment.sizeBytes);
      if (!loadLedger(this.tools, this.folder, this.list.items, this.watermarks.end, this.ledger, nowMs))
        return this.poison;
    } catch (error) {
      if (!isFault(error)) throw error;
      return this.poison;
    }
    this.poison = 0;
    this.stableMax = Number.POSITIVE_INFINITY;
    this.advance(this.watermarks.end);
    return 0;
  }

  /** A new leader epoch: this broker leads from the end of the log on. Throws Fault when it cannot be written down. */
  beginEpoch(epoch: number): void {
    assert(this.appender.queuedBytes === 0, 'an epoch begins between turns');
    // Batches brought over from elsewhere may know later epochs than the catalog; epochs never go back in a log.
    this.leaderEpoch = Math.max(epoch, this.leaderEpoch);
    if (this.epochs.begin(epoch, this.watermarks.end)) this.epochs.save();
  }

  // ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

  read(offset: number, bytesMax: number, flags: number): ReadResult {
    const marks = this.watermarks;
    const limit = (flags & READ_FLAG_COMMITTED) !== 0 ? marks.stable : marks.high;
    const isInside = offset >= marks.start && offset <= marks.end;
    // Outside, the reader is asked for nothing, which gives an empty answer to put the error in.
    // The file of a poisoned log may hold a batch more than it shows.
    const end = Math.max(offset, this.poison === 0 ? marks.end : marks.end + 1);
    const result = this.reader.read(offset, isInside ? limit : offset, end, bytesMax, flags);
    if (!isInside) result.error = OFFSET_OUT_OF_RANGE;
    return result;
  }

  /** How much of a region may be shown: see `reader`. 0: CORRUPT_MESSAGE. */
  soundBytes(lease: number, position: number, length: number): number {
    return this.reader.soundBytes(lease, position, length);
  }

  releaseLease(lease: number): void {
    this.reader.release(lease);
  }

  /** Aborted transactions that overlap `from` up to `endOffset` (of a read's result). */
  collectAborted(from: number, endOffset: number, into: AbortedList): void {
    into.clear();
    const items = this.list.items;
    for (let index = this.list.indexOf(from); index < items.length; index++) {
      const { found, aborted } = items[index]!;
      if (found.bytes > 0 && !found.isAbortedChecked) this.abortedCheck.look(index, this.reader.gapsBelow);
      if (aborted.collect(from, endOffset, into)) return;
    }
  }

  /** ListOffsets; the answer is in `found`. */
  findByTimestamp(timestamp: number, flags: number): FoundOffset {
    const marks = this.watermarks;
    const limit = (flags & READ_FLAG_COMMITTED) !== 0 ? marks.stable : marks.high;
    const found = this.found;
    found.error = NONE;
    found.timestamp = -1;
    found.offset = -1;
    found.leaderEpoch = -1;
    if (timestamp === TIMESTAMP_LATEST) {
      found.offset = limit;
      found.leaderEpoch = this.leaderEpoch;
    } else if (timestamp === TIMESTAMP_EARLIEST || timestamp === TIMESTAMP_EARLIEST_LOCAL) {
      found.offset = marks.start;
      found.leaderEpoch = this.epochs.epochOf(marks.start);
    } else if (timestamp === TIMESTAMP_MAX) {
      this.search.findLargest(marks.start, limit, found);
    } else if (timestamp >= 0) {
      this.search.findFirst(timestamp, marks.start, limit, found);
    }
    return found;
  }

  /** OffsetForLeaderEpoch; the answer is in `epochEnd`. */
  findEpochEnd(epoch: number): EpochEnd {
    this.epochs.endOf(epoch, this.watermarks.end, this.epochEnd);
    return this.epochEnd;
  }

  // ── flushing to the device ────────────────────────────────────────────────────────────────────────────────────────

  /** `isDue`: whatever the topic asks for, what is written is to be flushed now. */
  owesSync(nowMs: number, isDue = false): boolean {
    // A log that takes no more writes still owes what it took; only after a flush that failed another proves nothing.
    if (this.hasFailedFlush || this.sync.isUnderWay) return false;
    const { end } = this.watermarks;
    if (isDue) return end > this.sync.offset;
    return this.policy.owesSync(end, this.sync.offset, this.list.hasOldUnsynced, nowMs);
  }

  /** Acknowledgements wait for its flushes. */
  get holdsAcks(): boolean {
    return this.policy.holdsAcks;
  }

  /** Since when something written waits to be flushed; -1: nothing does. */
  get unsyncedSinceMs(): number {
    return this.policy.unsyncedSinceMs;
  }

  /** Something is written that is to be flushed when a time has passed. */
  get waitsForTime(): boolean {
    return this.policy.waitsForTime;
  }

  /** What was found when the log was opened, and may not be on the device, waits from now on. */
  noteFound(nowMs: number): boolean {
    if (this.watermarks.end <= this.sync.offset) return false;
    this.policy.noteWritten(nowMs);
    return true;
  }

  /**
   * Starts a flush of what is written so far; `sync.fds` has the descriptors. Returns how many; a negative errno when the
   * files cannot be opened now, then none is under way.
   */
  beginSync(nowMs: number): number {
    return this.sync.begin(this.watermarks.end, nowMs);
  }

  /** `error`: 0, or the first negative errno among the flushes begun. */
  endSync(error: number): void {
    this.sync.end(error);
    if (error < 0) {
      this.hasFailedFlush = true;
      this.fail(error);
      this.owesNote = !noteFailedFlush(this.tools, this.folder);
      return;
    }
    this.policy.noteSynced(this.sync.offset >= this.watermarks.end, this.sync.begunMs);
    if (this.poison === 0) this.advance(this.watermarks.end);
  }

  // ── shortening ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Forgets everything before an offset (DeleteRecords). A Kafka error code. Throws Fault. */
  moveStart(offset: number): number {
    return this.upkeep.moveStart(offset);
  }

  /** Cuts off the batch that holds an offset and everything behind it. Throws Fault when files cannot be cut. */
  truncateTo(offset: number, nowMs: number): void {
    assert(this.appender.queuedBytes === 0 && !this.sync.isUnderWay, 'a log is cut between turns');
    const marks = this.watermarks;
    if (offset >= marks.end) return;
    this.reader.forget();
    const end = this.list.cutFrom(offset, marks.start, nowMs);
    // Flushed, though it takes long: were the cut lost with the power, old batches would stand where new ones were written.
    const syncError = this.tools.disk.sync(this.tools.files.use(this.list.active.log));
    this.tools.disk.syncFolder(this.folder);
    if (syncError < 0) this.fail(syncError);
    this.snapshots.removeBehind(end);
    if (this.epochs.truncateFrom(end)) this.epochs.save();
    const isLoaded = loadLedger(this.tools, this.folder, this.list.items, end, this.ledger, nowMs);
    assert(isLoaded, 'what was kept can be read');
    cutBound(this.tools.disk, this.folder, end);
    this.sync.cutTo(end);
    this.cleaning.cutTo(end);
    this.nextOffset = end;
    const start = Math.min(marks.start, end);
    marks.set(start, start, start, end);
    this.advance(end);
  }

  /** Goes on in a new segment, if the active one has anything. False when that failed. */
  roll(nowMs: number): boolean {
    if (this.flushWrites() < 0) return false;
    if (this.list.active.sizeBytes === 0) return true;
    const reserveBytes = this.settings.isPreallocated ? this.settings.segmentBytesMax : 0;
    try {
      this.list.roll(this.nextOffset, reserveBytes, nowMs);
      this.syncNames();
    } catch (error) {
      if (!isFault(error)) throw error;
      this.tools.logger.warn(`${this.partitionName} cannot go on in a new segment: ${error.message}`);
      this.fail(passingErrorOf(error) ?? -EIO);
      return false;
    }
    this.snapshots.save(this.nextOffset);
    return true;
  }

  /** Of a poisoned log the ledger knows of batches that were never written; what is not flushed yet may be lost. */
  private saveProducers(): boolean {
    const { end } = this.watermarks;
    const isSound = this.poison === 0 && this.appender.queuedBytes === 0;
    return isSound && (!this.holdsAcks || this.sync.offset >= end) && this.snapshots.save(end);
  }

  describeProducers(): ProducerFacts[] {
    return Array.from(this.ledger.values(), (entry) => entry.facts);
  }

  expireProducers(nowMs: number): number {
    return this.ledger.expire(nowMs, this.settings.producerExpiryMs);
  }

  /** Closes the files. `isClean`: all is written down and flushed (`isFlushShared`: by the caller then), for a start without scans. */
  close(isClean: boolean, isFlushShared = false): number {
    assert(this.isOpen && !this.sync.isUnderWay, 'a log is closed once, and after its flush');
    const error = isClean ? this.closeCleanly(isFlushShared) : 0;
    if (this.owesNote) noteFailedFlush(this.tools, this.folder);
    this.appender.drop();
    this.isOpen = false;
    this.list.closeAll();
    return error;
  }

  private closeCleanly(isFlushShared: boolean): number {
    // Of a log that failed only recovery knows what is left. What it acknowledged goes to the device all the same.
    if (this.poison !== 0) return this.hasFailedFlush ? this.poison : Math.min(this.poison, this.syncNow());
    if (this.nextOffset === 0 || (isFlushShared && this.bytesAppended === 0)) return 0;
    const writeError = this.flushWrites();
    if (writeError < 0) return writeError;
    const isWrittenDown = this.list.active.seal() >= 0 && this.snapshots.save(this.watermarks.end);
    const syncError = isFlushShared ? 0 : this.syncNow();
    if (!isWrittenDown) return -EIO;
    if (syncError < 0 || isFlushShared) return syncError;
    // The next start sweeps older ones away, and the batches that they know of may be gone.
    if (this.holdsAcks && !this.snapshots.sync(this.watermarks.end)) return -EIO;
    return Math.min(this.epochs.sync(), this.list.syncIndexes());
  }

  private syncNow(): number {
    while (this.sync.isBehind(this.watermarks.end)) {
      const count = this.beginSync(this.nowMs);
      if (count < 0) return count;
      let error = 0;
      for (let index = 0; index < count; index++) error = Math.min(error, this.tools.disk.sync(this.sync.fds[index]!));
      this.endSync(error);
      if (error < 0) return error;
    }
    return 0;
  }

  /** Begins a new segment, or writes out a full queue, when the batch would not fit. */
  private makeRoom(length: number, lastOffsetDelta: number, recordMs: number, nowMs: number): boolean {
    const segment = this.list.active;
    const bytes = segment.sizeBytes + this.appender.queuedBytes;
    if (!this.isReady()) return false;
    if (bytes > 0) {
      const lastOffset = this.nextOffset + lastOffsetDelta;
      const isDue = this.segmentRoll.isDue(segment, bytes, length, lastOffset, recordMs, nowMs, this.settings);
      if (isDue && !this.roll(nowMs)) return false;
    }
    return !this.appender.isFull || this.flushWrites() >= 0;
  }

  /** Asked while a batch can still be refused: once it is written its segment has to know it. */
  private isReady(): boolean {
    try {
      this.list.readyForAppends();
      return true;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.tools.logger.warn(`${this.partitionName} refuses a batch: ${error.message}`);
      return false;
    }
  }

  /** The disk has failed in a way that only a restart can tell the outcome of. */
  breakDown(): void {
    if (this.poison === 0) this.fail(-EIO);
  }

  /** A file was made behind an acknowledged batch. */
  private hasSyncedNames(): boolean {
    try {
      this.syncNames();
      return true;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.fail(-EIO);
      return false;
    }
  }

  private writeAborted(): number {
    for (const ended of this.endedTransactions) {
      if (!ended.isAborted) continue;
      const index = this.list.active.aborted;
      const isNew = !index.hasFile;
      if (isNew) this.list.hasUnsyncedNames = true;
      const error = index.append(ended.producerId, ended.firstOffset, ended.lastOffset, ended.stableOffset);
      // The marker is in the log, so recovery will rebuild the entry; readers must not see the log without it. On a full
      // disk they find it in memory.
      if (error < 0 && !isPassing(error)) return this.fail(error);
      if (isNew && index.hasFile && !this.hasSyncedNames()) return this.poison;
    }
    this.endedTransactions.length = 0;
    return 0;
  }

  private advance(end: number): void {
    const marks = this.watermarks;
    const high = this.policy.highFor(marks.high, end, this.sync.offset);
    const unstable = this.ledger.unstableOffset(high);
    const decided = unstable < 0 ? high : Math.max(marks.start, Math.min(high, unstable));
    const stable = Math.min(decided, Math.max(marks.start, this.stableMax));
    marks.set(marks.start, stable, high, end);
  }

  private fail(error: number): number {
    assert(error < 0, 'a failure is a negative errno');
    this.poison = error;
    // The ledger may take transactions for ended whose markers were not written, or whose readers would not be told of them.
    this.stableMax = this.watermarks.stable;
    this.nextOffset = this.watermarks.end;
    this.ledger.noteUnwritten(this.nextOffset);
    this.endedTransactions.length = 0;
    this.appender.drop();
    this.tools.logger.warn(
      `${this.partitionName} takes no more appends: its disk answered with ${getSystemErrorName(error)} (error ${-error})`,
    );
    return error;
  }
}
