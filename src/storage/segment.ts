/**
 * One segment of a log: a `.log` file of batches exactly as they went over the wire, and its indexes. Holds what is
 * written, not what is queued; `sizeBytes` only moves after a write has returned. Appender and recovery tell it of each
 * batch with `noteBatch`, so that both make the same index entries.
 *
 * Indexes are opened when first needed: a log of thousands of segments opens with one stat each.
 */
import { assert } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import { NO_TIMESTAMP } from '../protocol/batch.ts';
import { AbortedIndex } from './aborted-index.ts';
import { FileHandle } from './file-cache.ts';
import {
  ABORTED_SUFFIX,
  DELETED_ENDING,
  INDEX_SUFFIX,
  LOG_SUFFIX,
  offsetName,
  SEGMENT_SUFFIXES,
  SNAPSHOT_SUFFIX,
  SWAP_SUFFIXES,
  TIME_INDEX_SUFFIX,
} from './file-names.ts';
import { FoundRanges } from './found-ranges.ts';
import { OFFSET_ENTRY_BYTES, OffsetIndex } from './offset-index.ts';
import type { StorageTools } from './storage-tools.ts';
import { TIME_ENTRY_BYTES, TimeIndex } from './time-index.ts';

/** Offsets in the indexes are relative to the segment and have 31 bits. */
export const RELATIVE_OFFSET_MAX = 2_147_483_647;
const UNKNOWN = -2;

export class Segment {
  readonly baseOffset: number;
  readonly log: FileHandle;
  /** Written bytes. */
  sizeBytes: number;
  /** What of it was there before this process, see `found-chain`. */
  readonly found: FoundRanges;
  /** Has bytes that no flush vouches for yet. */
  isUnsynced = false;
  /** Pinned by its list. */
  isHeld = false;
  /** Its log let go of it; the descriptor goes when the last lease comes back. */
  isClosed = false;
  private readonly tools: StorageTools;
  readonly folder: string;
  private readonly pathStem: string;
  private readonly ending: string;
  private readonly createdMs: number;
  private offsetIndex: OffsetIndex | null = null;
  private timeIndex: TimeIndex | null = null;
  private abortedIndex: AbortedIndex | null = null;
  private bytesSinceEntry = 0;
  private maxTimestampNow = UNKNOWN;
  private maxTimestampOffsetNow = UNKNOWN;
  private firstTimestampNow = UNKNOWN;
  /** Of batches that could not be walked the largest timestamp is not known. */
  private isMeasuredInPart = false;

  /** `ending` is added to the names of all its files; `foundBytes`: so many were there before this process. */
  constructor(
    tools: StorageTools,
    folder: string,
    baseOffset: number,
    sizeBytes: number,
    createdMs: number,
    ending = '',
    foundBytes = 0,
  ) {
    this.tools = tools;
    this.found = new FoundRanges(foundBytes);
    this.folder = folder;
    this.ending = ending;
    this.baseOffset = baseOffset;
    this.sizeBytes = sizeBytes;
    this.createdMs = createdMs;
    this.pathStem = `${folder}/${offsetName(baseOffset)}`;
    this.log = new FileHandle(this.path(LOG_SUFFIX));
  }

  /** Makes the files of an empty segment. Throws Fault, with nothing left behind. */
  static create(
    tools: StorageTools,
    folder: string,
    baseOffset: number,
    reserveBytes: number,
    nowMs: number,
    ending = '',
  ): Segment {
    const segment = new Segment(tools, folder, baseOffset, 0, nowMs, ending);
    try {
      segment.makeFiles(reserveBytes);
    } catch (error) {
      segment.discard();
      throw error;
    }
    return segment;
  }

  /** A segment whose file is there and has nothing in it. */
  static empty(tools: StorageTools, folder: string, baseOffset: number, nowMs: number): Segment {
    const segment = new Segment(tools, folder, baseOffset, 0, nowMs);
    segment.beginIndexes();
    return segment;
  }

  private makeFiles(reserveBytes: number): void {
    const { tools } = this;
    const fd = tools.files.create(this.log);
    tools.disk.truncate(fd, 0);
    if (reserveBytes > 0) tools.disk.reserve(fd, 0, reserveBytes);
    this.beginIndexes();
  }

  /** Their files come with the first entries that are written, at latest when the segment is sealed. */
  private beginIndexes(): void {
    const { tools, baseOffset } = this;
    this.offsetIndex = new OffsetIndex(tools, this.handleToCome(INDEX_SUFFIX), baseOffset, 0);
    this.timeIndex = new TimeIndex(tools, this.handleToCome(TIME_INDEX_SUFFIX), baseOffset, 0);
    this.maxTimestampNow = NO_TIMESTAMP;
    this.maxTimestampOffsetNow = baseOffset;
  }

  private handleToCome(suffix: string): FileHandle {
    const handle = new FileHandle(this.path(suffix));
    handle.isToCome = true;
    return handle;
  }

  /** An empty segment found at a start would pass for the end of the log. */
  private discard(): void {
    const { disk } = this.tools;
    this.close(false);
    for (const suffix of [LOG_SUFFIX, INDEX_SUFFIX, TIME_INDEX_SUFFIX]) {
      try {
        if (disk.stat(this.path(suffix)) !== null) disk.remove(this.path(suffix));
      } catch (error) {
        if (!isFault(error)) throw error;
        this.tools.logger.warn(error.message);
      }
    }
  }

  get offsets(): OffsetIndex {
    if (this.offsetIndex === null) {
      const handle = new FileHandle(this.path(INDEX_SUFFIX));
      const index = new OffsetIndex(
        this.tools,
        handle,
        this.baseOffset,
        this.openIndexFile(handle, OFFSET_ENTRY_BYTES),
      );
      index.trimZeros();
      if (!index.readLast(this.sizeBytes)) {
        this.tools.logger.warn(`${handle.path} does not fit its segment; lookups go without it`);
        index.file.truncateTo(0);
        index.readLast(this.sizeBytes);
      }
      this.offsetIndex = index;
    }
    return this.offsetIndex;
  }

  get times(): TimeIndex {
    if (this.timeIndex === null) {
      const handle = new FileHandle(this.path(TIME_INDEX_SUFFIX));
      const index = new TimeIndex(this.tools, handle, this.baseOffset, this.openIndexFile(handle, TIME_ENTRY_BYTES));
      index.trimZeros();
      const isSound = index.readLast() && this.isTimeKnown(index);
      this.timeIndex = index;
      if (!isSound) this.forgetTimes(index);
    }
    return this.timeIndex;
  }

  /** Opens what an append writes to and looks at, as far as it is not open. Throws Fault. */
  openForAppends(): void {
    this.tools.files.use(this.log);
    if (this.offsetIndex !== null && this.timeIndex !== null && this.firstTimestampNow !== UNKNOWN) return;
    void this.offsets;
    void this.times;
    if (this.sizeBytes > 0) void this.firstTimestamp;
  }

  get aborted(): AbortedIndex {
    if (this.abortedIndex === null) {
      const handle = new FileHandle(this.path(ABORTED_SUFFIX));
      const stat = this.tools.disk.stat(handle.path);
      this.abortedIndex = new AbortedIndex(this.tools, handle, stat === null ? -1 : stat.sizeBytes);
    }
    return this.abortedIndex;
  }

  get maxTimestamp(): number {
    if (this.maxTimestampNow === UNKNOWN) this.readMaxTimestamp();
    return this.maxTimestampNow;
  }

  /** Last offset of the first batch that has the largest timestamp. */
  get maxTimestampOffset(): number {
    if (this.maxTimestampNow === UNKNOWN) this.readMaxTimestamp();
    return this.maxTimestampOffsetNow;
  }

  /** What retention goes by: the largest timestamp, or when the file was written last. Throws Fault. */
  get newestMs(): number {
    const { maxTimestamp } = this;
    if (maxTimestamp >= 0 && !this.isMeasuredInPart) return maxTimestamp;
    return Math.max(maxTimestamp, this.tools.disk.stat(this.log.path)?.modifiedMs ?? this.createdMs);
  }

  /** The largest timestamp of its first batch; NO_TIMESTAMP without one. */
  get firstTimestamp(): number {
    if (this.sizeBytes === 0) return NO_TIMESTAMP;
    if (this.firstTimestampNow === UNKNOWN) this.readFirstTimestamp();
    return this.firstTimestampNow;
  }

  /** Bytes of the larger of its index files, which is not opened for that. */
  get indexBytes(): number {
    if (this.offsetIndex !== null)
      return Math.max(this.offsetIndex.file.sizeBytes, this.timeIndex?.file.sizeBytes ?? 0);
    return this.tools.disk.stat(this.path(INDEX_SUFFIX))?.sizeBytes ?? 0;
  }

  /** Age that counts for rolling: by record time when there is a record with one, else by the clock. */
  ageMs(recordMs: number, nowMs: number): number {
    if (this.sizeBytes === 0) return 0;
    if (this.firstTimestampNow === UNKNOWN) this.readFirstTimestamp();
    return this.firstTimestampNow >= 0 && recordMs >= 0 ? recordMs - this.firstTimestampNow : nowMs - this.createdMs;
  }

  isIndexFull(indexBytesMax: number): boolean {
    const offsetsMax = Math.floor(indexBytesMax / OFFSET_ENTRY_BYTES);
    // The time index keeps a place for the entry it gets when the segment is closed.
    const timesMax = Math.floor(indexBytesMax / TIME_ENTRY_BYTES) - 1;
    return this.offsets.file.count >= offsetsMax || this.times.file.count >= timesMax;
  }

  /** A batch lies at the end of what was noted so far. Entries come as Kafka makes them, its own dump tool checks them. */
  noteBatch(position: number, length: number, lastOffset: number, maxTimestamp: number, intervalBytes: number): void {
    assert(position === this.sizeBytes, 'batches are noted in the order they lie in the file');
    if (position === 0) this.firstTimestampNow = maxTimestamp;
    if (maxTimestamp > this.maxTimestamp) {
      this.maxTimestampNow = maxTimestamp;
      this.maxTimestampOffsetNow = lastOffset;
    }
    if (this.bytesSinceEntry > intervalBytes) {
      this.offsets.append(lastOffset, position);
      this.times.append(this.maxTimestampNow, this.maxTimestampOffsetNow);
      this.bytesSinceEntry = 0;
    }
    this.bytesSinceEntry += length;
    this.sizeBytes = position + length;
  }

  /** First position of a batch that ends at the offset or later; `sizeBytes` when there is none, -1 when unreadable. */
  locate(offset: number): number {
    const from = this.placeInside(this.offsets.floorByOffset(offset));
    const position = this.walkTo(offset, from);
    if (position >= 0 || from === 0) return position;
    this.tools.logger.warn(`${this.pathStem}${INDEX_SUFFIX} points into the middle of a batch; reading without it`);
    return this.walkTo(offset, 0);
  }

  /** First offset of the batch at a position; the given one at the end of the segment. */
  firstOffsetAt(position: number, otherwise: number): number {
    const walk = this.tools.walk;
    walk.begin(this.tools.files.use(this.log), position, this.sizeBytes);
    return walk.next() ? walk.baseOffset : otherwise;
  }

  /**
   * Brings the index files up to date: when the log goes on in another segment, and when it is closed. Kafka takes a segment
   * without index files for damaged, so they are made even where they have no entries.
   */
  seal(): number {
    const timesError = this.sealTimes();
    const offsetsError = this.offsets.file.complete();
    const abortedError = this.flushAborted();
    this.offsets.file.rest();
    this.times.file.rest();
    return Math.min(offsetsError, timesError, abortedError);
  }

  /** A time index without its end would tell retention of too early a time; one without entries has the batches asked. */
  private sealTimes(): number {
    const { maxTimestamp, maxTimestampOffset, times } = this;
    times.append(maxTimestamp, maxTimestampOffset);
    const error = times.file.complete();
    if (error >= 0 && times.lastTimestamp >= maxTimestamp && !this.isMeasuredInPart) return error;
    times.file.clear();
    times.readLast();
    return error;
  }

  /** The one index that is no hint: what of it waits for room on the disk must not be left behind. */
  flushAborted(): number {
    if (this.abortedIndex === null || this.abortedWaitFrom === Number.POSITIVE_INFINITY) return 0;
    const error = this.abortedIndex.flush();
    if (error === 0) this.isUnsynced = true;
    return error;
  }

  /** A start has to look at the batches from there on again: only they tell of an aborted transaction. Infinity: none waits. */
  get abortedWaitFrom(): number {
    return this.abortedIndex === null ? Number.POSITIVE_INFINITY : this.abortedIndex.waitingFrom;
  }

  /** Cuts everything from the position on, where the batch with the given first offset begins. */
  truncateTo(position: number, offset: number): void {
    assert(position <= this.sizeBytes, 'a segment is only cut shorter');
    this.tools.disk.truncate(this.tools.files.use(this.log), position);
    this.found.cutTo(position);
    this.dropIndexesFrom(position, offset, offset);
    this.offsets.file.complete();
    this.times.file.complete();
  }

  /** Some of its batches were not noted, since they lie behind a damaged one. */
  noteUnwalked(): void {
    this.isMeasuredInPart = true;
  }

  /** Forgets what the indexes say of batches from the position on; `noteBatch` goes on from there, `seal` puts the files right. */
  dropIndexesFrom(position: number, offset: number, abortedOffset: number): void {
    if (position === 0) {
      // Entries may be garbage here, so that none of them can say where to stop.
      this.offsets.file.restart();
      this.times.file.restart();
      this.times.readLast();
    } else {
      this.offsets.truncateFrom(position);
      this.times.truncateFrom(offset);
    }
    this.aborted.truncateFrom(abortedOffset);
    this.sizeBytes = position;
    this.bytesSinceEntry = 0;
    this.firstTimestampNow = UNKNOWN;
    this.offsets.readLast(position);
    this.remeasure();
  }

  /** Closes what is open; with `isRemoval` the files go as well (a leased descriptor stays good until it comes back). */
  close(isRemoval: boolean): void {
    const files = this.tools.files;
    for (const index of [this.offsetIndex, this.timeIndex, this.abortedIndex]) {
      if (index === null) continue;
      this.tools.indexPages.forget(index.file);
      files.retire(index.file.handle);
    }
    files.retire(this.log);
    this.isClosed = true;
    if (!isRemoval) return;
    // The batches first: index files without their log are swept away when the folder is opened the next time.
    const disk = this.tools.disk;
    for (const suffix of SEGMENT_SUFFIXES) {
      const path = this.path(suffix);
      if (suffix === LOG_SUFFIX || disk.stat(path) !== null) disk.remove(path);
    }
  }

  /** Takes the files out of the log under another name; they go when nobody reads them any more. Throws Fault. */
  retire(delayMs: number): void {
    this.renameAway(SEGMENT_SUFFIXES, delayMs);
  }

  /**
   * The same where a compacted segment takes its place. The batches go last: as long as they are there, index files of
   * this name are theirs and not the new segment's. The producers' snapshot stays good for a segment of the same name.
   */
  retireForSwap(delayMs: number, keepsSnapshot: boolean): void {
    this.renameAway([...(keepsSnapshot ? [] : [SNAPSHOT_SUFFIX]), ...SWAP_SUFFIXES], delayMs);
  }

  private renameAway(suffixes: readonly string[], delayMs: number): void {
    const { disk, removed } = this.tools;
    const ending = this.freeEnding();
    const paths: string[] = [];
    for (const suffix of suffixes) {
      const path = this.path(suffix);
      const isSure = suffix !== ABORTED_SUFFIX && suffix !== SNAPSHOT_SUFFIX;
      try {
        if (!isSure && disk.stat(path) === null) continue;
        if (this.isMoved(path, path + ending)) paths.push(path + ending);
      } catch (error) {
        // Without its log an index is nothing, and is swept away when the folder is opened the next time.
        if (!isFault(error) || suffix === LOG_SUFFIX) throw error;
      }
    }
    removed.add(this.log, paths, delayMs);
    this.close(false);
  }

  /** False: a full disk has no room for the longer name, so that the file is removed at once. Throws Fault. */
  private isMoved(path: string, away: string): boolean {
    const { disk } = this.tools;
    try {
      disk.rename(path, away);
      return true;
    } catch (error) {
      if (!isFault(error) || error.code !== 'PB_DISK_FULL') throw error;
      disk.remove(path);
      return false;
    }
  }

  /** No name that an older segment still has: to take its place would free its blocks here and now. */
  private freeEnding(): string {
    const path = this.path(LOG_SUFFIX);
    let ending = DELETED_ENDING;
    for (let count = 1; this.tools.disk.stat(path + ending) !== null; count++) ending = `.${count}${DELETED_ENDING}`;
    return ending;
  }

  /** Whether the time index knows the largest timestamp; if not it is told. For recovery, when index files may be gone. */
  completeTimes(): void {
    this.offsets.readLast(this.sizeBytes);
    this.remeasure();
    this.seal();
  }

  /** The largest timestamp of what is left after a cut: the time index has it but for the bytes behind its last entry. */
  private remeasure(): void {
    const times = this.times;
    this.maxTimestampNow = times.lastTimestamp;
    this.maxTimestampOffsetNow = times.lastOffset;
    const from = this.placeInside(this.offsets.floorByOffset(times.lastOffset));
    const walk = this.tools.walk;
    walk.begin(this.tools.files.use(this.log), from, this.sizeBytes);
    while (walk.next()) {
      const timestamp = walk.maxTimestamp;
      if (timestamp > this.maxTimestampNow) {
        this.maxTimestampNow = timestamp;
        this.maxTimestampOffsetNow = walk.lastOffset;
      }
    }
    this.isMeasuredInPart = walk.isDamaged;
  }

  /**
   * Whether the last entry of a time index that was found is what a batch says: retention goes by it, and a rotten bit in it
   * could cost the segment.
   */
  private isTimeKnown(index: TimeIndex): boolean {
    if (this.found.bytes === 0 || this.sizeBytes === 0) return true;
    return index.file.count > 0 && this.hasTimeAt(index.lastOffset, index.lastTimestamp);
  }

  /** The batch that holds an offset has the timestamp as its largest. */
  hasTimeAt(offset: number, timestamp: number): boolean {
    const position = this.locate(offset);
    if (position < 0 || position >= this.sizeBytes) return false;
    const { walk, files } = this.tools;
    walk.begin(files.use(this.log), position, this.sizeBytes);
    return walk.next() && walk.baseOffset <= offset && walk.maxTimestamp === timestamp;
  }

  /** The batches themselves tell the largest timestamp; lookups walk them. */
  private forgetTimes(index: TimeIndex): void {
    if (index.file.count > 0)
      this.tools.logger.warn(`${index.file.handle.path} does not fit its segment; lookups go without it`);
    index.file.truncateTo(0);
    index.readLast();
    this.remeasure();
  }

  /** What an index says, if it can be so: a rotten bit may lead anywhere. */
  private placeInside(position: number): number {
    return position >= 0 && position < this.sizeBytes ? position : 0;
  }

  private path(suffix: string): string {
    return this.pathStem + suffix + this.ending;
  }

  private walkTo(offset: number, from: number): number {
    const walk = this.tools.walk;
    walk.begin(this.tools.files.use(this.log), from, this.sizeBytes);
    let isFirst = true;
    while (walk.next()) {
      // An index entry names a batch that ends at or before the offset: beginning behind it means the entry is wrong.
      if (isFirst && from > 0 && walk.baseOffset > offset) return -1;
      if (walk.lastOffset >= offset) return walk.position;
      isFirst = false;
    }
    return walk.isDamaged ? -1 : this.sizeBytes;
  }

  private readMaxTimestamp(): void {
    const { times } = this;
    // Opening them may have found them wrong, and measured anew.
    if (this.maxTimestampNow !== UNKNOWN) return;
    this.maxTimestampNow = times.lastTimestamp;
    this.maxTimestampOffsetNow = times.lastOffset;
  }

  private readFirstTimestamp(): void {
    const walk = this.tools.walk;
    walk.begin(this.tools.files.use(this.log), 0, this.sizeBytes);
    this.firstTimestampNow = walk.next() ? walk.maxTimestamp : NO_TIMESTAMP;
  }

  /** Size of an index file in whole entries; a file that is missing or has a cut entry is made good here. */
  private openIndexFile(handle: FileHandle, entryBytes: number): number {
    const stat = this.tools.disk.stat(handle.path);
    if (stat === null) {
      handle.isToCome = true;
      return 0;
    }
    const surplus = stat.sizeBytes % entryBytes;
    if (surplus > 0) this.tools.disk.truncate(this.tools.files.use(handle), stat.sizeBytes - surplus);
    return stat.sizeBytes - surplus;
  }
}
