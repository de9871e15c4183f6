/**
 * What a worker owns: its open logs by partition slot, and beside each what the worker itself must remember of it. Slots
 * are the board's rows; a worker owns some of them, so the table is a plain sparse array and a lookup is one load.
 */
import { assert, must } from '../base/assert.ts';
import type { Log } from '../storage/log.ts';
import { BOARD_SLOTS_MAX } from '../zerocopy/layout.ts';

export class OwnedPartition {
  readonly slot: number;
  readonly log: Log;
  leaderEpoch: number;
  /** The turn in which a job touched it last: each log is written once a turn. */
  touchedTurn = -1;
  /** The log's write failed in this turn: its receipts say so. */
  hasFailed = false;
  /** Files of the flush under way that the disk aide has not finished, and the first error among them. */
  syncsPending = 0;
  syncError = 0;
  /** The flusher does that flush, not the disk aide. */
  isWithFlusher = false;
  /** The flush window has come round to it: what is written is to be flushed, whatever the topic asks for. */
  isFlushDue = false;
  /** Since when it waits for that; -1: it does not. */
  dirtySinceMs = -1;
  /** The disk aide brings in what lies behind the region handed out last. */
  isReadingAhead = false;
  /** Where those bytes begin. */
  aheadOffset = -1;
  /** Housekeeping looks at it at every tick. */
  isWatched = false;
  /** Its place among those the worker owns. */
  place = -1;
  /** What the checkpoints were told last. */
  readonly told = { recoveryPoint: -1, logStart: -1, high: -1, end: -1, cleanedOffset: -1 };
  /** The topic asks for a codec of its own. */
  recodes: boolean;

  constructor(slot: number, log: Log, leaderEpoch: number) {
    this.slot = slot;
    this.log = log;
    this.leaderEpoch = leaderEpoch;
    this.recodes = log.settings.compressionType !== 'producer';
  }
}

export class PartitionTable {
  private readonly bySlot: (OwnedPartition | null)[] = [];
  /** In no order: the last takes the place of one that leaves. */
  private readonly owned: OwnedPartition[] = [];

  get count(): number {
    return this.owned.length;
  }

  /** Null when this worker does not own the slot (any more). */
  at(slot: number): OwnedPartition | null {
    return this.bySlot[slot] ?? null;
  }

  add(partition: OwnedPartition): void {
    assert(partition.slot >= 0 && partition.slot < BOARD_SLOTS_MAX, 'a partition has a row in the board');
    assert(this.at(partition.slot) === null, 'a slot holds one partition at a time');
    while (this.bySlot.length <= partition.slot) this.bySlot.push(null);
    this.bySlot[partition.slot] = partition;
    partition.place = this.owned.length;
    this.owned.push(partition);
  }

  remove(slot: number): OwnedPartition {
    const partition = must(this.at(slot), 'a partition is removed once');
    this.bySlot[slot] = null;
    const last = must(this.owned.pop(), 'the table is not empty');
    if (last !== partition) {
      last.place = partition.place;
      this.owned[last.place] = last;
    }
    return partition;
  }

  /** For those who go through all of them over several turns. From the last to the first nobody who stays is left out. */
  inPlace(place: number): OwnedPartition | null {
    return this.owned[place] ?? null;
  }

  all(): OwnedPartition[] {
    return [...this.owned];
  }
}
