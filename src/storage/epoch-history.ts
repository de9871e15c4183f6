/**
 * Which leader epoch wrote from which offset on, in one log. Kept in Kafka's `leader-epoch-checkpoint`; asked by
 * OffsetForLeaderEpoch and ListOffsets, and stamped by recovery from the batches themselves when the file is lost.
 *
 *     epoch   0 ──── 2 ─────── 5 ──       both columns grow; an epoch that wrote nothing leaves no row behind
 *     start   0      140       900
 */
import { assert } from '../base/assert.ts';
import { batchLeaderEpoch } from '../protocol/batch.ts';
import { type EpochRow, formatEpochs, parseEpochs } from './checkpoint.ts';
import { EPOCHS_FILE } from './file-names.ts';
import type { Segment } from './segment.ts';
import { writeSmallFile } from './small-file.ts';
import type { StorageTools } from './storage-tools.ts';

const UNKNOWN = -1;

/** Answer of `endOf`; reused. */
export interface EpochEnd {
  epoch: number;
  endOffset: number;
}

export class EpochHistory {
  private readonly tools: StorageTools;
  private readonly path: string;
  private rows: EpochRow[];
  private isUnsynced = false;

  constructor(tools: StorageTools, folder: string, rows: EpochRow[]) {
    this.tools = tools;
    this.path = `${folder}/${EPOCHS_FILE}`;
    this.rows = rows;
  }

  /** Null when the file is missing or damaged. */
  static read(tools: StorageTools, folder: string): EpochHistory | null {
    const content = tools.disk.readFile(`${folder}/${EPOCHS_FILE}`);
    const rows = content === null ? null : parseEpochs(content);
    if (rows === null || !isGrowing(rows)) return null;
    return new EpochHistory(tools, folder, rows);
  }

  get latest(): number {
    return this.rows[this.rows.length - 1]?.epoch ?? UNKNOWN;
  }

  get all(): readonly EpochRow[] {
    return this.rows;
  }

  /** An epoch begins at an offset. Earlier epochs that got no record go. Returns whether anything changed. */
  begin(epoch: number, startOffset: number): boolean {
    assert(epoch >= 0 && startOffset >= 0, 'epochs and offsets count from 0');
    if (epoch <= this.latest) return false;
    this.rows = this.rows.filter((row) => row.startOffset < startOffset);
    this.rows.push({ epoch, startOffset });
    return true;
  }

  /** Everything from the offset on is gone. */
  truncateFrom(offset: number): boolean {
    const kept = this.rows.filter((row) => row.startOffset < offset);
    if (kept.length === this.rows.length) return false;
    this.rows = kept;
    return true;
  }

  /** Everything before the offset is gone; the epoch that was in force there now starts there. */
  truncateBefore(offset: number): boolean {
    const index = this.rows.findLastIndex((row) => row.startOffset <= offset);
    const floor = this.rows[index];
    if (floor === undefined || (index === 0 && floor.startOffset === offset)) return false;
    this.rows = this.rows.slice(index);
    this.rows[0] = { epoch: floor.epoch, startOffset: offset };
    return true;
  }

  /** The epoch that wrote the offset, -1 when unknown. */
  epochOf(offset: number): number {
    return this.rows.findLast((row) => row.startOffset <= offset)?.epoch ?? UNKNOWN;
  }

  /** Where an epoch ended: the largest known epoch up to the asked one, and the offset at which the next began. */
  endOf(epoch: number, logEnd: number, into: EpochEnd): void {
    into.epoch = UNKNOWN;
    into.endOffset = UNKNOWN;
    if (epoch === UNKNOWN || this.rows.length === 0 || epoch > this.latest) return;
    if (epoch === this.latest) {
      into.epoch = epoch;
      into.endOffset = logEnd;
      return;
    }
    const next = this.rows.find((row) => row.epoch > epoch);
    const floor = this.rows.findLast((row) => row.epoch <= epoch);
    assert(next !== undefined, 'an epoch below the latest has one behind it');
    // Older than all that is known: the first known row tells where it must have ended.
    into.epoch = floor?.epoch ?? epoch;
    into.endOffset = next.startOffset;
  }

  /** Throws Fault when the disk refuses. */
  save(): void {
    writeSmallFile(this.tools, this.path, formatEpochs(this.rows));
    this.isUnsynced = true;
  }

  /** Puts what was saved on the device, the file's name aside. 0, or a negative errno. Throws Fault when it cannot be opened. */
  sync(): number {
    if (!this.isUnsynced) return 0;
    const { disk } = this.tools;
    const fd = disk.open(this.path, 'read-write');
    const error = disk.sync(fd);
    disk.close(fd);
    this.isUnsynced = error < 0;
    return error;
  }
}

/** What the batches themselves say, where the file is lost: every header has its epoch. */
export function collectEpochs(tools: StorageTools, segments: readonly Segment[], into: EpochHistory): void {
  const { walk } = tools;
  for (const segment of segments) {
    walk.begin(tools.files.use(segment.log), 0, segment.sizeBytes);
    while (walk.next()) {
      const epoch = batchLeaderEpoch(walk.view, walk.at);
      if (epoch > into.latest) into.begin(epoch, walk.baseOffset);
    }
  }
}

function isGrowing(rows: readonly EpochRow[]): boolean {
  return rows.every((row, index) => {
    const before = rows[index - 1];
    return before === undefined || (row.epoch > before.epoch && row.startOffset >= before.startOffset);
  });
}
