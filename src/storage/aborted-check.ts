/**
 * Whether the aborted transactions of a segment that was found on disk can be what its batches say. Their file has no checksum,
 * and a rotten bit in it would show consumers of committed records what was aborted, or hide what was not. Looked at once,
 * before the first answer that needs it: each entry must begin with a batch of its producer and end with its abort marker. If
 * one does not, all are made anew by a replay of the batches. What compaction went over is left alone: batches are missing there.
 */
import {
  batchBaseOffset,
  batchBytes,
  batchCrcHolds,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchProducerId,
  readInt64,
} from '../protocol/batch.ts';
import { ABORTED_ENTRY_BYTES } from './aborted-index.ts';
import { ControlMarker, MARKER_ABORT } from './control-marker.ts';
import { FoundChain } from './found-chain.ts';
import { type DecidedTransaction, ProducerLedger } from './producer-ledger.ts';
import { firstUsefulSnapshot, loadNewestSnapshot, replaySegment } from './producer-replay.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { SCRATCH_BYTES, type StorageTools } from './storage-tools.ts';

/** More of them in one segment are believed: to look at each would take a turn too long. */
const ENTRIES_MAX = 500;
/** Of a larger batch the checksum is not worth the time; it proves nothing then. */
const BATCH_BYTES_MAX = 8 << 20;
const NOT_THERE = 0;
/** It cannot be read, and proves nothing against the entry. */
const UNREADABLE = -1;

export class AbortedCheck {
  private readonly tools: StorageTools;
  private readonly list: SegmentList;
  private readonly chain: FoundChain;
  private readonly marker = new ControlMarker();
  private segment: Segment | null = null;
  private position = 0;

  constructor(tools: StorageTools, list: SegmentList) {
    this.tools = tools;
    this.list = list;
    this.chain = new FoundChain(tools);
  }

  /** Of the segment at a place in the list. Throws Fault; then it is looked at again. */
  look(index: number, gapsBelow: number): void {
    const { found } = this.list.items[index]!;
    this.compare(index, gapsBelow);
    found.isAbortedChecked = true;
  }

  private compare(index: number, gapsBelow: number): void {
    const segment = this.list.items[index]!;
    const { aborted } = segment;
    // Only grows, since a transaction that is open holds it back; later markers end transactions that begin at it or later.
    let stableMax = 0;
    if (!aborted.hasFile || segment.baseOffset < gapsBelow || aborted.file.count > ENTRIES_MAX) return;
    for (let entry = 0; entry < aborted.file.count; entry++) {
      if (!aborted.file.seek(entry)) return;
      const { view, at } = aborted.file;
      const isLaidOut = view.getInt16(at) === 0;
      const id = readInt64(view, at + 2);
      const first = readInt64(view, at + 10);
      const last = readInt64(view, at + 18);
      const stable = readInt64(view, at + 26);
      const isPlausible = isLaidOut && first >= stableMax && first <= last && stable >= stableMax && stable <= last + 1;
      stableMax = stable;
      if (isPlausible && this.isBegin(id, first, gapsBelow) && this.isAbort(id, last, gapsBelow)) continue;
      this.makeAnew(index, entry);
      return;
    }
  }

  private isBegin(id: number, offset: number, gapsBelow: number): boolean {
    // Of a transaction whose beginning was deleted nothing can be said.
    if (offset < this.list.items[0]!.baseOffset) return true;
    const length = this.read(offset, gapsBelow);
    const { view } = this.tools.scratch;
    if (length <= NOT_THERE) return length === UNREADABLE;
    const isItsOwn = batchProducerId(view, 0) === id && batchIsTransactional(view, 0) && !batchIsControl(view, 0);
    return (isItsOwn && batchBaseOffset(view, 0) === offset) || this.isDamaged();
  }

  private isAbort(id: number, offset: number, gapsBelow: number): boolean {
    const length = this.read(offset, gapsBelow);
    const { view } = this.tools.scratch;
    if (length <= NOT_THERE) return length === UNREADABLE;
    this.marker.read(view, 0, length);
    const isItsOwn = batchProducerId(view, 0) === id && batchIsControl(view, 0) && this.marker.kind === MARKER_ABORT;
    return (isItsOwn && batchLastOffset(view, 0) === offset) || this.isDamaged();
  }

  /** The beginning of the batch that holds an offset, into scratch. */
  private read(offset: number, gapsBelow: number): number {
    if (offset < 0 || !Number.isSafeInteger(offset)) return NOT_THERE;
    const index = this.list.indexOf(offset);
    const segment = this.list.items[index]!;
    const position = this.chain.locate(segment, offset, this.list.upperOffset(index), gapsBelow);
    if (position < 0) return UNREADABLE;
    if (position >= segment.sizeBytes) return NOT_THERE;
    const { scratch, disk, files } = this.tools;
    const wanted = Math.min(SCRATCH_BYTES, segment.sizeBytes - position);
    if (disk.read(files.use(segment.log), position, scratch, 0, wanted) !== wanted) return UNREADABLE;
    this.segment = segment;
    this.position = position;
    return wanted;
  }

  /** The batch that was read last: what is itself damaged proves nothing against an entry. */
  private isDamaged(): boolean {
    const { segment, position } = this;
    if (segment === null) return true;
    const { disk, files, crc, scratch } = this.tools;
    const length = batchBytes(scratch.view, 0);
    if (position + length > segment.sizeBytes || length > BATCH_BYTES_MAX) return true;
    const memory = disk.allocate(length);
    const got = disk.read(files.use(segment.log), position, memory, 0, length);
    return got !== length || !batchCrcHolds(memory, 0, length, crc);
  }

  private makeAnew(index: number, entry: number): void {
    const { tools, list } = this;
    const segment = list.items[index]!;
    const ledger = new ProducerLedger();
    const found: DecidedTransaction[] = [];
    const first = firstUsefulSnapshot(list.items);
    const from = loadNewestSnapshot(tools, list.folder, first, segment.baseOffset, ledger, 0);
    const end = Number.POSITIVE_INFINITY;
    for (let at = 0; at <= index; at++) {
      const upper = list.upperOffset(at);
      if (upper >= 0 && upper <= from) continue;
      replaySegment(tools, list.items[at]!, from, end, ledger, 0, at === index ? found : null);
    }
    tools.logger.warn(
      `${segment.aborted.file.handle.path} is damaged at byte ${entry * ABORTED_ENTRY_BYTES}; it is made anew from the batches`,
    );
    segment.aborted.replace(found.filter(({ isAborted }) => isAborted));
  }
}
