/**
 * When the producers of a log are written down, and which of those files stay: one beside each segment, made when the log
 * goes on in it, and at most one more, the newest, that no segment goes with. Used by the log; what is in them is
 * `producer-snapshot`'s business. A snapshot that cannot be written costs the next start a longer replay, nothing else, as
 * long as the batches are there to replay: `covers` is asked before they go.
 */
import { isFault } from '../base/fault.ts';
import type { ProducerLedger } from './producer-ledger.ts';
import { snapshotOffsets } from './producer-replay.ts';
import { saveSnapshot, snapshotPath } from './producer-snapshot.ts';
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

  /** Good for all batches before the offset. False when the disk refuses. */
  save(offset: number): boolean {
    const { tools, list } = this;
    this.bytesSince = 0;
    try {
      saveSnapshot(tools, list.folder, offset, this.ledger);
      if (this.strayOffset >= 0 && this.strayOffset !== offset)
        tools.disk.remove(snapshotPath(list.folder, this.strayOffset));
      this.strayOffset = offset === list.active.baseOffset ? NONE : offset;
      return true;
    } catch (error) {
      if (!isFault(error)) throw error;
      tools.logger.warn(error.message);
      return false;
    }
  }

  /** Whether the batches before an offset may go, since their producers are written down. `isSynced`: on the device. */
  covers(offset: number, isSynced: boolean): boolean {
    const newest = snapshotOffsets(this.tools, this.list.folder)[0] ?? NONE;
    return newest >= offset && (!isSynced || this.sync(newest));
  }

  /** False when the disk refuses. */
  private sync(offset: number): boolean {
    const { tools, list } = this;
    try {
      const fd = tools.disk.open(snapshotPath(list.folder, offset), 'read-write');
      const error = tools.disk.sync(fd);
      tools.disk.close(fd);
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
  }
}
