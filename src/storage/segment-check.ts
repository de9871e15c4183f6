/**
 * Reads one segment from end to end and compares all its files with each other: every batch with its checksum and its place
 * in the chain, every index entry with the batch it speaks of. Changes nothing. For `log verify` and the scrubber.
 */
import { batchLeaderEpoch, batchMaxTimestamp, readInt64 } from '../protocol/batch.ts';
import { ChainWalk } from './chain-walk.ts';
import { ABORTED_SUFFIX, INDEX_SUFFIX, LOG_SUFFIX, offsetName, TIME_INDEX_SUFFIX } from './file-names.ts';
import { fileFinding, type TellFinding } from './finding.ts';
import type { ReadingDisk } from './gentle-disk.ts';
import { OFFSET_ENTRY_BYTES } from './offset-index.ts';
import type { Crc } from './storage-tools.ts';
import { TIME_ENTRY_BYTES } from './time-index.ts';

export interface SegmentToCheck {
  readonly folder: string;
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** Where the next segment begins; -1 for the last one. */
  readonly upper: number;
  readonly gapsBelow: number;
  /** Somebody may be writing to it: what lies behind its end, or is not written yet, is no damage. */
  readonly isGrowing: boolean;
  /** Index files come with their first entries. */
  readonly mayLackIndexes?: boolean;
}

export interface SegmentChecks {
  readonly tell: TellFinding;
  /** Called with bytes that were read; may take its time. */
  readonly pace: (bytes: number) => void;
  /** What the next start does with damage at an offset, `bytesBehind` bytes before the end of the segment. */
  readonly outcomeOf: (firstOffset: number, bytesBehind: number) => string;
  /** Called with every good batch, in `walk`. */
  readonly meet: (walk: ChainWalk) => void;
}

export interface SegmentChecked {
  readonly batches: number;
  readonly bytes: number;
  readonly endOffset: number;
}

/** What becomes of damage that no start scans. */
export const KEPT = 'a start keeps what lies behind it; reads of these offsets are answered with CORRUPT_MESSAGE';
const UNREAD = 'nobody is given it now, and a start that has to scan it does not open the log';
const INDEX_OUTCOME = 'a start after a crash makes it anew, and until then lookups go without it';
const SCAN_BYTES = 1 << 20;

export function checkSegment(
  disk: ReadingDisk,
  crc: Crc,
  segment: SegmentToCheck,
  checks: SegmentChecks,
): SegmentChecked {
  const stem = `${segment.folder}/${offsetName(segment.baseOffset)}`;
  const file = stem + LOG_SUFFIX;
  const offsets = new OffsetEntries(disk, stem + INDEX_SUFFIX, segment, checks.tell);
  const times = new TimeEntries(disk, stem + TIME_INDEX_SUFFIX, segment, checks.tell);
  const walk = new ChainWalk(disk, crc, SCAN_BYTES);
  const fd = disk.open(file, 'read');
  let batches = 0;
  let paced = 0;
  try {
    walk.begin({
      fd,
      position: 0,
      end: segment.sizeBytes,
      expected: segment.baseOffset,
      upper: segment.upper,
      gapsBelow: segment.gapsBelow,
      checksBytes: true,
    });
    while (walk.next()) {
      checks.pace(walk.bytesRead - paced);
      paced = walk.bytesRead;
      if (walk.isDamaged) {
        tellDamage(file, segment, walk, checks);
        continue;
      }
      batches += 1;
      offsets.meet(walk.position, walk.lastOffset);
      times.meet(walk.firstOffset, walk.lastOffset, batchMaxTimestamp(walk.memory.view, walk.at));
      checks.meet(walk);
    }
    checks.pace(walk.bytesRead - paced);
  } finally {
    disk.close(fd);
  }
  offsets.finish();
  times.finish();
  return { batches, bytes: walk.bytesRead, endOffset: walk.endOffset };
}

function tellDamage(file: string, segment: SegmentToCheck, walk: ChainWalk, { tell, outcomeOf }: SegmentChecks): void {
  const { position, length, firstOffset, lastOffset, problem, readError } = walk;
  if (segment.isGrowing && position + length === segment.sizeBytes) return;
  const bytesBehind = segment.sizeBytes - position;
  const outcome = readError < 0 ? UNREAD : outcomeOf(firstOffset, bytesBehind);
  tell({ file, position, firstOffset, lastOffset, problem, outcome });
}

export function epochIn(walk: ChainWalk): number {
  return batchLeaderEpoch(walk.memory.view, walk.at);
}

/** Compares `.index` with the batches as they come: an entry names the last offset of the batch at its position. */
class OffsetEntries {
  private readonly file: string;
  private readonly tell: TellFinding;
  private readonly segment: SegmentToCheck;
  private readonly view: DataView;
  private readonly count: number;
  private index = 0;
  private isTold = false;

  constructor(disk: ReadingDisk, file: string, segment: SegmentToCheck, tell: TellFinding) {
    this.file = file;
    this.tell = tell;
    this.segment = segment;
    const bytes = disk.readFile(file);
    if (bytes === null && segment.mayLackIndexes !== true) this.say(-1, 'it is missing');
    this.view = viewOf(bytes);
    let count = Math.floor(this.view.byteLength / OFFSET_ENTRY_BYTES);
    // Files that were filled in advance end in zeros.
    while (count > 0 && this.positionAt(count - 1) === 0) count -= 1;
    this.count = count;
  }

  meet(position: number, lastOffset: number): void {
    while (this.index < this.count && this.positionAt(this.index) < position) this.sayLost();
    if (this.index === this.count || this.positionAt(this.index) !== position) return;
    const offset = this.segment.baseOffset + this.view.getInt32(this.index * OFFSET_ENTRY_BYTES);
    if (offset !== lastOffset) this.sayEntry(`offset ${offset}, but the batch there ends at ${lastOffset}`);
    this.index += 1;
  }

  finish(): void {
    while (this.index < this.count) {
      const isAhead = this.segment.isGrowing && this.positionAt(this.index) >= this.segment.sizeBytes;
      if (!isAhead) this.sayLost();
      else this.index += 1;
    }
  }

  private sayLost(): void {
    this.sayEntry(`no batch begins at byte ${this.positionAt(this.index)}`);
    this.index += 1;
  }

  private sayEntry(what: string): void {
    this.say(this.index * OFFSET_ENTRY_BYTES, `an entry says: ${what}`);
  }

  /** Once a file: entries behind a wrong one are wrong as a rule. */
  private say(position: number, problem: string): void {
    if (this.isTold) return;
    this.isTold = true;
    this.tell({ ...fileFinding(this.file, problem, INDEX_OUTCOME), position });
  }

  private positionAt(index: number): number {
    return this.view.getInt32(index * OFFSET_ENTRY_BYTES + 4);
  }
}

/** Compares `.timeindex`: an entry names the largest timestamp so far, and a batch that has it. */
class TimeEntries {
  private readonly file: string;
  private readonly tell: TellFinding;
  private readonly segment: SegmentToCheck;
  private readonly view: DataView;
  private readonly count: number;
  private index = 0;
  private largest = -1;
  private expected: number;
  private isTold = false;

  constructor(disk: ReadingDisk, file: string, segment: SegmentToCheck, tell: TellFinding) {
    this.file = file;
    this.tell = tell;
    this.segment = segment;
    const bytes = disk.readFile(file);
    if (bytes === null && segment.mayLackIndexes !== true) this.say(-1, 'it is missing');
    this.view = viewOf(bytes);
    this.count = Math.floor(this.view.byteLength / TIME_ENTRY_BYTES);
    this.expected = segment.baseOffset;
  }

  meet(firstOffset: number, lastOffset: number, maxTimestamp: number): void {
    for (; this.index < this.count; this.index++) {
      const timestamp = this.timestampAt(this.index);
      const offset = this.offsetAt(this.index);
      if (offset > lastOffset) break;
      // An entry about offsets that are gone says nothing that can be compared.
      const isGone = offset < firstOffset && offset >= this.expected;
      if (isGone || this.isFilling(this.index)) continue;
      if (timestamp === maxTimestamp && timestamp >= this.largest) continue;
      this.sayEntry(`timestamp ${timestamp} at offset ${offset}, but the batch there has ${maxTimestamp}`);
    }
    this.largest = Math.max(this.largest, maxTimestamp);
    this.expected = lastOffset + 1;
  }

  finish(): void {
    if (this.index === this.count || this.segment.isGrowing || this.isFilling(this.index)) return;
    this.sayEntry(
      `timestamp ${this.timestampAt(this.index)} at offset ${this.offsetAt(this.index)}, which is not there`,
    );
  }

  /** Files that were filled in advance end in zeros. */
  private isFilling(index: number): boolean {
    return this.timestampAt(index) === 0 && this.view.getInt32(index * TIME_ENTRY_BYTES + 8) === 0;
  }

  private timestampAt(index: number): number {
    return readInt64(this.view, index * TIME_ENTRY_BYTES);
  }

  private offsetAt(index: number): number {
    return this.segment.baseOffset + this.view.getInt32(index * TIME_ENTRY_BYTES + 8);
  }

  private sayEntry(what: string): void {
    this.say(this.index * TIME_ENTRY_BYTES, `an entry says: ${what}`);
  }

  private say(position: number, problem: string): void {
    if (this.isTold) return;
    this.isTold = true;
    this.tell({ ...fileFinding(this.file, problem, INDEX_OUTCOME), position });
  }
}

function viewOf(bytes: Uint8Array | null): DataView {
  return bytes === null ? new DataView(new ArrayBuffer(0)) : new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

export function abortedPath(segment: SegmentToCheck): string {
  return `${segment.folder}/${offsetName(segment.baseOffset)}${ABORTED_SUFFIX}`;
}
