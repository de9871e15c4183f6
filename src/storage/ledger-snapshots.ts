/**
 * When the producers of a log are written down, and which of those files stay: one beside each segment, made when the log
 * goes on in it, and at most one more, the newest, that no segment goes with. Used by the log; what is in them is
 * `producer-snapshot`'s business. A snapshot that cannot be written costs the next start a longer replay, nothing else, as
 * long as the batches are there to replay: `covers` is asked before they go, and the one it answers for stays.
 */
import { isFault } from '../base/fault.ts';
import type { ProducerLedger } from './producer-ledger.ts';
import { snapshotOffsets } from './producer-replay.ts';
import { isSnapshotSound, saveSnapshot, snapshotPath, syncSnapshot } from './producer-snapshot.ts';
import type { SegmentList } from './segment-list.ts';
import type { StorageTools } from './storage-tools.ts';

/** A snapshot is due after so many bytes, so that recovery never replays the headers of more. */
const EVERY_BYTES = 67_108_864;
const NONE = -1;

export class LedgerSnapshots {
  private readonly tools: StorageTools;
  private readonly list: SegmentList;
  private readonly ledger: ProducerLedger;
  private bytesSince = 0;
  private strayOffset = NONE;
  /** Written or read last: nobody has to look whether a power cut left it whole. */
  private soundOffset = NONE;
  /** Tells of the producers of batches that are gone. */
  private coverOffset = NONE;

  constructor(tools: StorageTools, list: SegmentList, ledger: ProducerLedger) {
    this.tools = tools;
    this.list = list;
    this.ledger = ledger;
  }

  /** Bytes were written up to an offset. */
  note(bytes: number, end: number): void {
    this.bytesSince += bytes;
    if (this.bytesSince >= EVERY_BYTES) this.save(end);
  }

  /** Good for all batches before the offset. False when the disk refuses, or has an aborted transaction waiting. */
  save(offset: number): boolean {
    const { tools, list } = this;
    // A start looks at no batch before it, and would not find the transaction.
    if (list.active.abortedWaitFrom < offset) return false;
    this.bytesSince = 0;
    this.soundOffset = NONE;
    try {
      saveSnapshot(tools, list.folder, offset, this.ledger);
      this.soundOffset = offset;
      const { strayOffset } = this;
      if (strayOffset >= 0 && strayOffset !== offset && strayOffset !== this.coverOffset)
        tools.disk.remove(snapshotPath(list.folder, strayOffset));
      this.strayOffset = offset === list.active.baseOffset ? NONE : offset;
      return true;
    } catch (error) {
      if (!isFault(error)) throw error;
      tools.logger.warn(error.message);
      return false;
    }
  }

  /**
   * Whether the batches before an offset may go, since their producers are written down. Where acknowledgements wait for the
   * device that has to be on it, and so have the batches up to there (`flushed`, else infinity): a snapshot that knows of more than
   * a power cut has left is worth nothing.
   */
  covers(offset: number, flushed: number): boolean {
    const newest = this.newestSound(offset, flushed);
    if (newest < 0 || (flushed !== Number.POSITIVE_INFINITY && !this.sync(newest))) return false;
    this.coverOffset = newest;
    return true;
  }

  private newestSound(from: number, upTo: number): number {
    const { tools, list } = this;
    for (const offset of snapshotOffsets(tools, list.folder)) {
      if (offset < from) return NONE;
      if (offset > upTo) continue;
      if (offset !== this.soundOffset && !isSnapshotSound(tools, list.folder, offset)) continue;
      this.soundOffset = offset;
      return offset;
    }
    return NONE;
  }

  /** Puts one on the device. False when the disk refuses. */
  sync(offset: number): boolean {
    const { tools, list } = this;
    try {
      const error = syncSnapshot(tools.disk, list.folder, offset);
      tools.disk.syncFolder(list.folder);
      return error === 0;
    } catch (error) {
      if (!isFault(error)) throw error;
      tools.logger.warn(error.message);
      return false;
    }
  }

  /** The log was cut at an offset: what was written down behind it never was. Throws Fault. */
  removeBehind(end: number): void {
    const { tools, list } = this;
    for (const offset of snapshotOffsets(tools, list.folder)) {
      if (offset > end) tools.disk.remove(snapshotPath(list.folder, offset));
    }
    this.strayOffset = NONE;
    if (this.soundOffset > end) this.soundOffset = NONE;
    if (this.coverOffset > end) this.coverOffset = NONE;
  }
}
