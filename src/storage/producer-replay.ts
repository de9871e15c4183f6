/**
 * Brings a producer ledger up to an offset: from the newest snapshot that can be used, then by the headers of the batches
 * behind it. Used when a log is opened, cut, or heals after a full disk; recovery replays while it scans.
 */
import {
  BATCH_PRODUCER_ID,
  batchBaseOffset,
  batchBaseSequence,
  batchCrcHolds,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  NO_SEQUENCE,
} from '../protocol/batch.ts';
import type { Memory } from '../zerocopy/memory.ts';
import { ControlMarker, MARKER_ABORT, MARKER_COMMIT, MARKER_OTHER } from './control-marker.ts';
import { offsetOfName, SNAPSHOT_SUFFIX } from './file-names.ts';
import type { DecidedTransaction, ProducerLedger } from './producer-ledger.ts';
import { loadSnapshot, snapshotPath } from './producer-snapshot.ts';
import type { Segment } from './segment.ts';
import { type Crc, SCRATCH_BYTES, type StorageTools } from './storage-tools.ts';

const marker = new ControlMarker();

/** For batches that a checkpoint vouches for, and whose bytes nobody has compared with their checksum yet. */
export interface RottenBatches {
  readonly crc: Crc;
  /** Where markers of aborted transactions lie: written down when they were appended. */
  readonly aborted: ReadonlySet<number>;
}

/** Notes one written batch. `memory` holds the whole batch for a control batch, at least the header otherwise. */
export function replayBatch(
  ledger: ProducerLedger,
  memory: Memory,
  at: number,
  length: number,
  nowMs: number,
  rotten: RottenBatches | null = null,
): DecidedTransaction | null {
  const { view } = memory;
  if (rotten !== null && at + length <= view.byteLength && !batchCrcHolds(memory, at, length, rotten.crc))
    return replayRotten(ledger, view, at, length, nowMs, rotten.aborted);
  const id = batchProducerId(view, at);
  if (id < 0 || !Number.isSafeInteger(id)) return null;
  const epoch = batchProducerEpoch(view, at);
  const lastOffset = batchLastOffset(view, at);
  const timestamp = batchMaxTimestamp(view, at);
  if (batchIsControl(view, at)) {
    marker.read(view, at, Math.min(at + length, view.byteLength));
    if (marker.kind === MARKER_OTHER) return null;
    return ledger.recordMarker(id, epoch, marker.kind, marker.coordinatorEpoch, lastOffset, timestamp, nowMs);
  }
  recordData(ledger, view, at, id, nowMs);
  return null;
}

function recordData(ledger: ProducerLedger, view: DataView, at: number, id: number, nowMs: number): void {
  ledger.record(
    id,
    batchProducerEpoch(view, at),
    batchBaseSequence(view, at),
    batchBaseOffset(view, at),
    batchLastOffset(view, at),
    batchMaxTimestamp(view, at),
    batchIsTransactional(view, at),
    nowMs,
  );
}

/**
 * One bit of it is wrong, nobody knows which. A marker ends the open transaction that it can be of, as an abort where that
 * was written down, else as a commit: left open, it would hide all that follows from readers of committed records. A batch of
 * a producer that was never heard of is not believed, or it would open a transaction that nobody ends.
 */
function replayRotten(
  ledger: ProducerLedger,
  view: DataView,
  at: number,
  length: number,
  nowMs: number,
  aborted: ReadonlySet<number>,
): DecidedTransaction | null {
  marker.read(view, at, at + length);
  const isNumbered = batchBaseSequence(view, at) !== NO_SEQUENCE;
  if (batchIsControl(view, at) || (marker.kind !== MARKER_OTHER && !isNumbered)) {
    const entry = ledger.openLike(view.getBigInt64(at + BATCH_PRODUCER_ID));
    if (entry === null) return null;
    const lastOffset = batchLastOffset(view, at);
    const epoch = Math.min(Math.max(entry.epoch, batchProducerEpoch(view, at)), entry.epoch + 1);
    const kind = aborted.has(lastOffset) ? MARKER_ABORT : MARKER_COMMIT;
    return ledger.recordMarker(entry.id, epoch, kind, entry.coordinatorEpoch, lastOffset, nowMs, nowMs);
  }
  const id = batchProducerId(view, at);
  if (ledger.find(id) !== null) recordData(ledger, view, at, id, nowMs);
  return null;
}

/** Loads the newest usable snapshot from `from` up to `end`; returns the offset it is good for, -1 for none. */
export function loadNewestSnapshot(
  tools: StorageTools,
  folder: string,
  from: number,
  end: number,
  ledger: ProducerLedger,
  nowMs: number,
): number {
  const offsets = snapshotOffsets(tools, folder).filter((offset) => offset >= from && offset <= end);
  return loadFirstSound(tools, folder, offsets, ledger, nowMs);
}

/** The same for the oldest behind `after`. */
export function loadOldestSnapshot(
  tools: StorageTools,
  folder: string,
  after: number,
  ledger: ProducerLedger,
  nowMs: number,
): number {
  const offsets = snapshotOffsets(tools, folder).filter((offset) => offset > after);
  return loadFirstSound(tools, folder, offsets.reverse(), ledger, nowMs);
}

function loadFirstSound(
  tools: StorageTools,
  folder: string,
  offsets: readonly number[],
  ledger: ProducerLedger,
  nowMs: number,
): number {
  for (const offset of offsets) {
    ledger.clear();
    if (loadSnapshot(tools, folder, offset, ledger, nowMs)) return offset;
    tools.logger.warn(`${snapshotPath(folder, offset)} is damaged; an older one or the log itself is used instead`);
  }
  ledger.clear();
  return -1;
}

/** Newest first. */
export function snapshotOffsets(tools: StorageTools, folder: string): number[] {
  const offsets = tools.disk.list(folder).map((name) => offsetOfName(name, SNAPSHOT_SUFFIX));
  return offsets.filter((offset) => offset >= 0).sort((left, right) => right - left);
}

/**
 * Where snapshots begin to be of use. One from before the first segment knows nothing of what has gone since: it would take a
 * transaction for open whose marker went with its segment, and nobody would ever end it. A log without a batch has no other.
 */
export function firstUsefulSnapshot(segments: readonly Segment[]): number {
  const first = segments[0];
  const isEmpty = first === undefined || (segments.length === 1 && first.sizeBytes === 0);
  return isEmpty ? 0 : first.baseOffset;
}

/** False when batches could not be read. */
export function loadLedger(
  tools: StorageTools,
  folder: string,
  segments: readonly Segment[],
  end: number,
  ledger: ProducerLedger,
  nowMs: number,
): boolean {
  const from = loadNewestSnapshot(tools, folder, firstUsefulSnapshot(segments), end, ledger, nowMs);
  if (from === end) return true;
  for (const [index, segment] of segments.entries()) {
    const upper = segments[index + 1]?.baseOffset ?? end;
    if (upper <= from || segment.baseOffset >= end || segment.sizeBytes === 0) continue;
    if (!replaySegment(tools, segment, from, end, ledger, nowMs)) return false;
  }
  return true;
}

/** False when batches could not be read. `ended`: takes the transactions that end in the segment. */
export function replaySegment(
  tools: StorageTools,
  segment: Segment,
  from: number,
  end: number,
  ledger: ProducerLedger,
  nowMs: number,
  ended: DecidedTransaction[] | null = null,
): boolean {
  const position = from <= segment.baseOffset ? 0 : segment.locate(from);
  if (position < 0) return false;
  const walk = tools.walk;
  const rotten = { crc: tools.crc, aborted: segment.aborted.markerOffsets() };
  const fd = tools.files.use(segment.log);
  walk.begin(fd, position, segment.sizeBytes);
  while (walk.next()) {
    if (walk.lastOffset < from) continue;
    if (walk.baseOffset >= end) return true;
    if (!batchIsControl(walk.view, walk.at)) {
      replayBatch(ledger, walk.memory, walk.at, walk.length, nowMs);
      continue;
    }
    const bytes = Math.min(walk.length, SCRATCH_BYTES);
    const got = tools.disk.read(fd, walk.position, tools.scratch, 0, bytes);
    if (got < 0) walk.readError = got;
    if (got !== bytes) return false;
    const decided = replayBatch(ledger, tools.scratch, 0, walk.length, nowMs, rotten);
    if (decided !== null) ended?.push(decided);
  }
  return !walk.isDamaged;
}
