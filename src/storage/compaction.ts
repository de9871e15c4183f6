/**
 * Compaction of a log, away from the worker that owns it: reads segments nobody appends to any more and writes others that
 * hold the last record of every key, offsets unchanged. The worker makes the plan and puts the results in place (see
 * `log-cleaning`); nothing is changed here but `.cleaned` files. Plain values in and out, since it runs in background tasks:
 *
 *   buildMap      one pass over the new part of the log (from the first dirty offset) fills the offset map
 *   cleanGroup    one pass over a group of segments writes the one that takes their place; oldest group first
 *
 *   │ clean          │ dirty                 │ active │        groups: neighbours that fit into one segment together
 *   0        first dirty offset     first uncleanable offset
 */
import { Fault } from '../base/fault.ts';
import { batchIsControl, batchIsTransactional, batchLastOffset, batchProducerId } from '../protocol/batch.ts';
import { INFLATED_BYTES_MAX } from '../protocol/batch-check.ts';
import { RecordCursor } from '../protocol/records.ts';
import type { Memory } from '../zerocopy/memory.ts';
import { SEGMENT_BYTES_MAX } from './appender.ts';
import { BATCH_CHANGED, BATCH_GONE, BatchCleaner, type LastRecords } from './batch-cleaner.ts';
import type { BatchScan } from './batch-scan.ts';
import { CleanedSegment } from './cleaned-segment.ts';
import {
  type AbortedTransaction,
  CleanedTransactions,
  NO_TRANSACTIONS,
  type TransactionsState,
} from './cleaned-transactions.ts';
import { boundCompaction } from './compaction-bound.ts';
import { ControlMarker, MARKER_ABORT, MARKER_OTHER } from './control-marker.ts';
import { LOG_SUFFIX, offsetName } from './file-names.ts';
import { OffsetMap } from './offset-map.ts';
import { RELATIVE_OFFSET_MAX, Segment } from './segment.ts';
import type { StorageTools } from './storage-tools.ts';

export interface PlannedSegment {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** The next offset after it. */
  readonly upperOffset: number;
  /** The larger of its index files. */
  readonly indexBytes: number;
}

export interface CleaningPlan {
  readonly partitionName: string;
  readonly folder: string;
  /** From the oldest on, up to the first uncleanable offset. */
  readonly segments: readonly PlannedSegment[];
  /** Base offsets of the older segments behind them: their aborted indexes may be about what lies in these. */
  readonly laterBases: readonly number[];
  readonly firstDirtyOffset: number;
  readonly lastRecords: LastRecords;
  readonly segmentBytesMax: number;
  readonly indexBytesMax: number;
  readonly indexIntervalBytes: number;
  readonly deleteRetentionMs: number;
  readonly nowMs: number;
}

export interface MapWishes {
  /** log.cleaner.dedupe.buffer.size and log.cleaner.io.buffer.load.factor */
  readonly bytesMax: number;
  readonly loadFactor: number;
  /** 16 random bytes. */
  readonly secret: Uint8Array;
  /** Of a map that is done with. */
  readonly memory?: SharedArrayBuffer | null;
}

export interface MapBuilt {
  readonly map: SharedArrayBuffer;
  /** What the next compaction need not look at again. */
  readonly endOffset: number;
  readonly groups: readonly (readonly PlannedSegment[])[];
}

export interface GroupCleaned {
  readonly sources: readonly PlannedSegment[];
  readonly sizeBytes: number;
  readonly hasAborted: boolean;
  readonly transactions: TransactionsState;
}

/** What the task's thread brings along. */
export interface CleaningHelp {
  /** Called with the bytes of every piece read or written; may take its time. */
  readonly pace: (bytes: number) => void;
  /** Memory over bytes of one's own, in the way that is fastest to take a checksum of. */
  readonly memoryOf: (bytes: Uint8Array) => Memory;
}

const ABORTED_MAX = 1_000_000;
/** Every source costs the worker some renames, in one turn: about a millisecond together. */
const GROUP_SEGMENTS_MAX = 16;

/** Throws Fault when the log cannot be read. */
export function buildMap(tools: StorageTools, plan: CleaningPlan, wishes: MapWishes, help: CleaningHelp): MapBuilt {
  const end = plan.segments.at(-1)?.upperOffset ?? plan.firstDirtyOffset;
  demandSources(tools, plan);
  boundCompaction(tools.disk, plan.folder, end);
  const { bytesMax, loadFactor, secret } = wishes;
  const map = OffsetMap.create(bytesMax, end - plan.firstDirtyOffset, loadFactor, secret, wishes.memory ?? null);
  const dirty = plan.segments.filter((segment) => segment.upperOffset > plan.firstDirtyOffset);
  const transactions = new CleanedTransactions(NO_TRANSACTIONS);
  const first = dirty[0];
  if (first !== undefined) transactions.expect(abortedIn(tools, plan, first.baseOffset, end));
  const scan = tools.takeScan();
  const filling = new MapFilling(map, transactions, plan.firstDirtyOffset);
  for (const source of dirty) {
    if (!forEachBatch(tools, scan, plan, source, help, (memory, at, length) => filling.take(memory, at, length))) break;
    // Offsets at the end of a segment may have no batch any more.
    map.reach(source.upperOffset - 1);
  }
  const endOffset = Math.max(plan.firstDirtyOffset, map.latestOffset + 1);
  return { map: map.memory, endOffset, groups: groupsOf(plan, endOffset) };
}

/** By now the topic may be gone, and another have its folder, of whose batches nothing must be vouched for. */
function demandSources({ disk }: StorageTools, { folder, segments, partitionName }: CleaningPlan): void {
  for (const { baseOffset, sizeBytes } of segments) {
    if (disk.stat(`${folder}/${offsetName(baseOffset)}${LOG_SUFFIX}`)?.sizeBytes === sizeBytes) continue;
    throw new Fault('PB_DISK_ERROR', `${partitionName} has not the segments any more that were to be compacted`);
  }
}

class MapFilling {
  private readonly map: OffsetMap;
  private readonly transactions: CleanedTransactions;
  private readonly from: number;
  private readonly records = new RecordCursor();
  private readonly marker = new ControlMarker();

  constructor(map: OffsetMap, transactions: CleanedTransactions, from: number) {
    this.map = map;
    this.transactions = transactions;
    this.from = from;
  }

  /** False when the map is full. */
  take(memory: Memory, at: number, length: number): boolean {
    const view = memory.view;
    const lastOffset = batchLastOffset(view, at);
    const isControl = batchIsControl(view, at);
    const isSkipped =
      isControl || this.transactions.meetData(batchProducerId(view, at), batchIsTransactional(view, at), lastOffset);
    if (!isSkipped && !this.takeRecords(memory, at, length)) return false;
    if (isControl) this.takeMarker(memory, at, length, lastOffset);
    if (lastOffset >= this.from) this.map.reach(lastOffset);
    return true;
  }

  private takeMarker(memory: Memory, at: number, length: number, lastOffset: number): void {
    const { marker } = this;
    marker.read(memory.view, at, at + length);
    if (marker.kind === MARKER_OTHER) return;
    this.transactions.meetMarker(batchProducerId(memory.view, at), marker.kind === MARKER_ABORT, lastOffset);
  }

  private takeRecords(memory: Memory, at: number, length: number): boolean {
    const { records, map } = this;
    records.open(memory, at, length, INFLATED_BYTES_MAX);
    while (records.next()) {
      if (records.keyLength < 0 || records.offset < this.from) continue;
      if (map.isFull) return false;
      map.put(records.bytes, records.keyAt, records.keyLength, records.offset);
    }
    return true;
  }
}

export interface GroupTask {
  readonly plan: CleaningPlan;
  readonly group: readonly PlannedSegment[];
  readonly map: SharedArrayBuffer;
  /** As the group before left it. */
  readonly transactions: TransactionsState;
  /** What must stay free on the disk while the old segments and the new one lie side by side. */
  readonly reserveBytes: number;
}

/** Throws Fault, with nothing left behind, when the log cannot be read or the disk refuses. */
export function cleanGroup(tools: StorageTools, task: GroupTask, help: CleaningHelp): GroupCleaned {
  const { plan, group } = task;
  const [first] = group;
  const last = group.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('a group has segments');
  checkRoom(tools, task);
  const transactions = new CleanedTransactions(task.transactions);
  transactions.expect(abortedIn(tools, plan, first.baseOffset, last.upperOffset));
  const cleaner = new BatchCleaner({
    map: new OffsetMap(task.map),
    transactions,
    lastRecords: plan.lastRecords,
    nowMs: plan.nowMs,
    deleteRetentionMs: plan.deleteRetentionMs,
    crc: (memory, at, length) => tools.crc(help.memoryOf(memory.bytes), at, length),
    room: tools.rewriteRoom,
  });
  const scan = tools.takeScan();
  const cleaned = new CleanedSegment(
    tools,
    plan.folder,
    first.baseOffset,
    plan.indexIntervalBytes,
    plan.nowMs,
    help.pace,
  );
  let hasAborted = false;
  try {
    for (const source of group) {
      forEachBatch(tools, scan, plan, source, help, (memory, at, length) => {
        transactions.kept = null;
        const outcome = cleaner.clean(memory, at, length);
        if (transactions.kept !== null) {
          cleaned.addAborted(transactions.kept);
          hasAborted = true;
        }
        if (outcome === BATCH_GONE) return true;
        if (outcome === BATCH_CHANGED) cleaned.add(help.memoryOf(cleaner.bytes), 0, cleaner.bytes.length);
        else cleaned.add(memory, at, length);
        return true;
      });
    }
    const newest = tools.disk.stat(`${plan.folder}/${offsetName(last.baseOffset)}${LOG_SUFFIX}`);
    cleaned.finish(newest?.modifiedMs ?? plan.nowMs);
  } catch (error) {
    cleaned.discard();
    throw error;
  }
  return { sources: group, sizeBytes: cleaned.sizeBytes, hasAborted, transactions: transactions.state };
}

function checkRoom(tools: StorageTools, { plan, group, reserveBytes }: GroupTask): void {
  let bytes = reserveBytes;
  for (const segment of group) bytes += segment.sizeBytes;
  const freeBytes = tools.disk.freeBytes(plan.folder);
  if (freeBytes >= bytes) return;
  throw new Fault(
    'PB_DISK_FULL',
    `compacting needs ${bytes} free bytes, the reserve included, and there are ${freeBytes}; free some space`,
  );
}

/** Neighbours go together as long as they fit into one segment, its indexes and its offsets. */
function groupsOf(plan: CleaningPlan, endOffset: number): PlannedSegment[][] {
  const bytesMax = Math.min(plan.segmentBytesMax, SEGMENT_BYTES_MAX);
  const groups: PlannedSegment[][] = [];
  let group: PlannedSegment[] = [];
  let bytes = 0;
  let indexBytes = 0;
  for (const segment of plan.segments) {
    if (segment.baseOffset >= endOffset) break;
    const first = group[0];
    const fits =
      first !== undefined &&
      group.length < GROUP_SEGMENTS_MAX &&
      bytes + segment.sizeBytes <= bytesMax &&
      indexBytes + segment.indexBytes <= plan.indexBytesMax &&
      segment.upperOffset - 1 - first.baseOffset <= RELATIVE_OFFSET_MAX;
    if (!fits) {
      group = [];
      groups.push(group);
      bytes = 0;
      indexBytes = 0;
    }
    group.push(segment);
    bytes += segment.sizeBytes;
    indexBytes += segment.indexBytes;
  }
  return groups;
}

/** Aborted transactions that overlap a range of offsets. */
function abortedIn(tools: StorageTools, plan: CleaningPlan, from: number, upTo: number): AbortedTransaction[] {
  const found: AbortedTransaction[] = [];
  const bases = [...plan.segments.map((segment) => segment.baseOffset), ...plan.laterBases];
  for (const base of bases) {
    if (base < from) continue;
    const segment = new Segment(tools, plan.folder, base, 0, plan.nowMs);
    let isLast = false;
    try {
      isLast = segment.aborted.list(from, upTo, found, ABORTED_MAX);
    } finally {
      segment.close(false);
    }
    if (found.length >= ABORTED_MAX)
      throw new Fault('PB_LIMIT', `${plan.partitionName} has more than ${ABORTED_MAX} aborted transactions together`);
    if (isLast) break;
  }
  return found;
}

/** False when `take` wanted no more. Throws Fault where no whole batch stands. */
function forEachBatch(
  tools: StorageTools,
  scan: BatchScan,
  plan: CleaningPlan,
  source: PlannedSegment,
  help: CleaningHelp,
  take: (memory: Memory, at: number, length: number) => boolean,
): boolean {
  const segment = new Segment(tools, plan.folder, source.baseOffset, source.sizeBytes, plan.nowMs);
  const fd = tools.files.pin(segment.log);
  try {
    scan.begin(fd, 0, source.sizeBytes, source.baseOffset, 0);
    let paced = scan.bytesRead;
    while (scan.next()) {
      if (scan.bytesRead > paced) {
        help.pace(scan.bytesRead - paced);
        paced = scan.bytesRead;
      }
      if (!take(scan.memory, scan.at, scan.length)) return false;
    }
    if (scan.readError < 0)
      throw new Fault('PB_DISK_ERROR', `${segment.log.path} could not be read: error ${-scan.readError}`);
    if (scan.isDamaged) {
      throw new Fault('PB_DATA_DAMAGED', `${segment.log.path} holds no whole batch at position ${scan.position}`);
    }
    return true;
  } finally {
    tools.files.unpin(segment.log);
    segment.close(false);
  }
}
