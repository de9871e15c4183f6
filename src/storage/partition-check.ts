/**
 * Checks all files of one partition's folder from outside, beside a running broker if need be: every segment with its
 * indexes (`segment-check`), aborted transactions against a replay of the batches, the producers' snapshots, the epochs,
 * the topic id. Changes nothing; what it finds it tells, with what the next start would do.
 */
import { readInt64 } from '../protocol/batch.ts';
import { ABORTED_ENTRY_BYTES } from './aborted-index.ts';
import type { ChainWalk } from './chain-walk.ts';
import { type EpochRow, parseEpochs } from './checkpoint.ts';
import { boundOf } from './compaction-bound.ts';
import type { Disk } from './disk.ts';
import {
  COMPACTION_BOUND_FILE,
  EPOCHS_FILE,
  FAILED_FLUSH_FILE,
  LOG_SUFFIX,
  offsetOfName,
  PARTITION_METADATA_FILE,
  SNAPSHOT_SUFFIX,
} from './file-names.ts';
import { fileFinding, type TellFinding } from './finding.ts';
import type { PartitionVouchers } from './log-directory.ts';
import { readTopicId } from './partition-metadata.ts';
import { type DecidedTransaction, ProducerLedger } from './producer-ledger.ts';
import { replayBatch } from './producer-replay.ts';
import { decodeSnapshot, snapshotPath } from './producer-snapshot.ts';
import { abortedPath, checkSegment, epochIn, KEPT, type SegmentToCheck } from './segment-check.ts';
import type { Crc } from './storage-tools.ts';

export interface PartitionToCheck {
  readonly folder: string;
  /** What the checkpoints say; a start believes them. */
  readonly vouchers: PartitionVouchers;
  /** The last stop was clean, or the broker runs. */
  readonly isClean: boolean;
  /** A broker runs on the folder: its files grow, and go, under our hands. */
  readonly isLive: boolean;
  /** Nothing is known of what was compacted: gaps prove nothing. */
  readonly mayHaveGaps: boolean;
  /** base64url; null when nobody knows it. */
  readonly topicId: string | null;
}

export interface PartitionChecked {
  readonly segments: number;
  readonly batches: number;
  readonly bytes: number;
  readonly endOffset: number;
}

export interface CheckTools {
  readonly disk: Disk;
  readonly crc: Crc;
  readonly tell: TellFinding;
  readonly pace: (bytes: number) => void;
}

/** Throws Fault when the folder cannot be read. */
export function checkPartition(tools: CheckTools, partition: PartitionToCheck): PartitionChecked {
  return new PartitionCheck(tools, partition).run();
}

class PartitionCheck {
  private readonly tools: CheckTools;
  private readonly partition: PartitionToCheck;
  private readonly names: readonly string[];
  private readonly bases: readonly number[];
  private readonly ledger = new ProducerLedger();
  private ended: DecidedTransaction[] = [];
  private epochs: readonly EpochRow[] = [];
  private isEpochTold = false;
  /** Up to there compaction may have left gaps. */
  private gapsBelow = 0;

  constructor(tools: CheckTools, partition: PartitionToCheck) {
    this.tools = tools;
    this.partition = partition;
    this.names = tools.disk.list(partition.folder);
    this.bases = this.names
      .map((name) => offsetOfName(name, LOG_SUFFIX))
      .filter((base) => base >= 0)
      .sort((left, right) => left - right);
  }

  run(): PartitionChecked {
    this.checkTopicId();
    this.checkFlush();
    this.checkBound();
    this.readEpochs();
    const first = this.bases[0] ?? 0;
    const isKnown = first === 0 || this.loadSnapshot(first);
    let batches = 0;
    let bytes = 0;
    let endOffset = first;
    for (const [index, baseOffset] of this.bases.entries()) {
      const segment = this.segmentAt(index, baseOffset);
      if (segment === null) continue;
      this.ended = [];
      const checked = checkSegment(this.tools.disk, this.tools.crc, segment, {
        tell: this.tools.tell,
        pace: this.tools.pace,
        outcomeOf: (offset, bytesBehind) => this.outcomeOf(index, segment, offset, bytesBehind),
        meet: (walk) => this.meet(walk),
      });
      this.checkAborted(segment, isKnown);
      batches += checked.batches;
      bytes += checked.bytes;
      endOffset = checked.endOffset;
    }
    this.checkSnapshots();
    this.checkVouchers(endOffset);
    return { segments: this.bases.length, batches, bytes, endOffset };
  }

  /** Null: it went while we were on our way. */
  private segmentAt(index: number, baseOffset: number): SegmentToCheck | null {
    const { folder, isLive } = this.partition;
    const { gapsBelow } = this;
    const upper = this.bases[index + 1] ?? -1;
    const segment = { folder, baseOffset, sizeBytes: 0, upper, gapsBelow, isGrowing: isLive && upper < 0 };
    const path = abortedPath(segment).replace(/\.txnindex$/, LOG_SUFFIX);
    const stat = this.tools.disk.stat(path);
    if (stat === null) return null;
    const isOpenEnded = upper < 0 && (isLive || !this.partition.isClean);
    return { ...segment, sizeBytes: stat.sizeBytes, mayLackIndexes: stat.sizeBytes === 0 || isOpenEnded };
  }

  private outcomeOf(index: number, segment: SegmentToCheck, offset: number, bytesBehind: number): string {
    const { isClean, vouchers } = this.partition;
    const vouched = Math.max(vouchers.recoveryPoint, vouchers.writtenOffset);
    const isTail = segment.upper < 0;
    if (!isTail && (isClean || segment.upper <= vouched)) return KEPT;
    if (isClean && !isTail) return KEPT;
    if (offset < vouched && isClean) return KEPT;
    const later = this.bases.length - index - 1;
    const segments = later === 0 ? '' : ` and removes the ${later} segments behind it`;
    return `a start cuts the log here, ${bytesBehind} bytes${segments}, so that it ends at offset ${offset}`;
  }

  private meet(walk: ChainWalk): void {
    const ended = replayBatch(this.ledger, walk.memory, walk.at, walk.length, 0);
    if (ended?.isAborted) this.ended.push(ended);
    this.checkEpoch(walk);
  }

  private loadSnapshot(offset: number): boolean {
    const content = this.tools.disk.readFile(snapshotPath(this.partition.folder, offset));
    return content !== null && this.decode(content, this.ledger);
  }

  private decode(content: Uint8Array, ledger: ProducerLedger): boolean {
    const memory = this.tools.disk.allocate(Math.max(1, content.length));
    memory.bytes.set(content);
    return decodeSnapshot(memory, content.length, this.tools.crc, ledger, 0);
  }

  // ── what lies beside the batches ──────────────────────────────────────────────────────────────────────────────────

  private checkTopicId(): void {
    const { folder } = this.partition;
    const file = `${folder}/${PARTITION_METADATA_FILE}`;
    const { topicId } = this.partition;
    const found = readTopicId(this.tools.disk, folder);
    if (found !== null && (topicId === null || topicId === found)) return;
    let problem = this.tools.disk.stat(file) === null ? 'it is missing' : 'it holds no topic id';
    if (found !== null) problem = `it holds the topic id ${found}, the catalog says ${topicId}`;
    this.tools.tell(fileFinding(file, problem, 'a start writes the id that the catalog knows'));
  }

  private checkFlush(): void {
    const file = `${this.partition.folder}/${FAILED_FLUSH_FILE}`;
    if (this.tools.disk.stat(file) === null) return;
    const problem = 'a flush of this log failed, and the device may lack what reads well from memory';
    this.tools.tell(fileFinding(file, problem, 'a start writes what is not known to be flushed again, and flushes it'));
  }

  private checkBound(): void {
    const file = `${this.partition.folder}/${COMPACTION_BOUND_FILE}`;
    const content = this.tools.disk.readFile(file);
    const bound = content === null ? null : boundOf(content);
    const { mayHaveGaps, vouchers } = this.partition;
    const isDoubtful = mayHaveGaps || (content !== null && bound === null);
    this.gapsBelow = isDoubtful ? Number.POSITIVE_INFINITY : Math.max(vouchers.cleanedOffset, bound?.gapsBelow ?? 0);
    if (content === null || bound !== null) return;
    const outcome = 'a start after a power cut takes every gap for one that compaction left';
    this.tools.tell(fileFinding(file, 'it cannot be read', outcome));
  }

  private readEpochs(): void {
    const file = `${this.partition.folder}/${EPOCHS_FILE}`;
    const content = this.tools.disk.readFile(file);
    const rows = content === null ? null : parseEpochs(content);
    if (rows !== null) {
      this.epochs = rows;
      return;
    }
    this.isEpochTold = true;
    const problem = content === null ? 'it is missing' : 'it cannot be read';
    this.tools.tell(fileFinding(file, problem, EPOCHS_OUTCOME));
  }

  private checkEpoch(walk: ChainWalk): void {
    const epoch = epochIn(walk);
    if (this.isEpochTold || epoch === NO_EPOCH || this.epochs.length === 0) return;
    const { firstOffset } = walk;
    let known = -1;
    for (const row of this.epochs) if (row.startOffset <= firstOffset) known = row.epoch;
    if (known === epoch) return;
    this.isEpochTold = true;
    const problem = `it says that offset ${firstOffset} was written in epoch ${known}, but the batch there says ${epoch}`;
    this.tools.tell(fileFinding(`${this.partition.folder}/${EPOCHS_FILE}`, problem, EPOCHS_OUTCOME));
  }

  /** Entries against the transactions that a replay finds aborted; of compacted logs only what can still be seen. */
  private checkAborted(segment: SegmentToCheck, isKnown: boolean): void {
    const file = abortedPath(segment);
    const bytes = this.tools.disk.readFile(file) ?? new Uint8Array(0);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const entries = new Set<string>();
    let problem = bytes.length % ABORTED_ENTRY_BYTES === 0 || segment.isGrowing ? '' : 'its last entry is not whole';
    for (let at = 0; at + ABORTED_ENTRY_BYTES <= bytes.length; at += ABORTED_ENTRY_BYTES) {
      const [id, first, last] = [readInt64(view, at + 2), readInt64(view, at + 10), readInt64(view, at + 18)];
      entries.add(`${id} ${first} ${last} ${readInt64(view, at + 26)}`);
      if (view.getInt16(at) !== 0 || !Number.isSafeInteger(id) || first > last || last < segment.baseOffset)
        problem = `the entry at byte ${at} cannot be one`;
    }
    const isComplete = isKnown && segment.gapsBelow <= segment.baseOffset;
    const found = this.ended.map(
      ({ producerId, firstOffset, lastOffset, stableOffset }) =>
        `${producerId} ${firstOffset} ${lastOffset} ${stableOffset}`,
    );
    if (problem === '' && isComplete && !segment.isGrowing) {
      const missing = found.find((entry) => !entries.has(entry));
      if (missing !== undefined)
        problem = `a transaction is missing (producer, first, last and stable offset: ${missing})`;
      else if (entries.size > found.length)
        problem = `it has ${entries.size} transactions, the batches ${found.length}`;
    }
    if (problem === '') return;
    const outcome =
      'a start after a crash makes it anew where the log is scanned; until then read_committed may err here';
    this.tools.tell(fileFinding(file, problem, outcome));
  }

  private checkSnapshots(): void {
    for (const name of this.names) {
      const offset = offsetOfName(name, SNAPSHOT_SUFFIX);
      if (offset < 0) continue;
      const file = snapshotPath(this.partition.folder, offset);
      const content = this.tools.disk.readFile(file);
      if (content === null || this.decode(content, new ProducerLedger())) continue;
      const outcome = 'a start uses an older one and the batches behind it';
      this.tools.tell(fileFinding(file, 'its checksum or its lengths do not fit', outcome));
    }
  }

  private checkVouchers(endOffset: number): void {
    const { folder, vouchers, isLive } = this.partition;
    if (isLive || this.bases.length === 0 || vouchers.recoveryPoint <= endOffset) return;
    const problem = `the checkpoints say that it was flushed up to offset ${vouchers.recoveryPoint}, but it ends at ${endOffset}`;
    this.tools.tell({
      ...fileFinding(folder, problem, 'a start goes on from where the log ends'),
      firstOffset: endOffset,
      lastOffset: vouchers.recoveryPoint - 1,
    });
  }
}

/** Of batches that were written before there were epochs. */
const NO_EPOCH = -1;
const EPOCHS_OUTCOME = 'a start makes it anew from the batches';
