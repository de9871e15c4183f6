/**
 * Reads ahead of consumers that scan cold data. A worker may not wait for the device, but to find where a region ends it
 * reads a batch header there; so the bytes behind every region handed out are brought into memory by the disk aide before
 * the consumer asks for them. One stretch per partition at a time.
 *
 *   … region handed out │ <── STRETCH_BYTES ──> │      a new stretch begins when less than half of the last is left
 *
 * A consumer that asks for the stretch while it is on its way waits for it in `log-reads`, not in a read of the worker.
 * Nobody holds the descriptor for the aide: should its file be closed meanwhile, the wrong bytes get warm, or none.
 */

import type { Disk } from '../storage/disk.ts';
import {
  AIDE_FD,
  AIDE_LENGTH,
  AIDE_POSITION_NUMBER,
  JOB_WARM,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_WORDS,
} from '../zerocopy/layout.ts';
import type { LaneEnd } from './lane.ts';
import type { OwnedPartition, PartitionTable } from './partition-table.ts';

const STRETCH_BYTES = 2 * 1024 * 1024;
const PROBE_BYTES = 4096;

export class ReadAhead {
  private readonly table: PartitionTable;
  private readonly aide: LaneEnd;
  private readonly disk: Disk;
  private readonly stretchesMax: number;
  private underWay = 0;

  /** `stretchesMax`: what the aide's ring has room for beside cold reads and flushes. */
  constructor(table: PartitionTable, aide: LaneEnd, disk: Disk, stretchesMax: number) {
    this.table = table;
    this.aide = aide;
    this.disk = disk;
    this.stretchesMax = stretchesMax;
  }

  /** A region was found that ends at `position`, and the log goes on behind it at `offset`. */
  behind(partition: OwnedPartition, fd: number, position: number, offset: number): void {
    if (partition.isReadingAhead || this.underWay >= this.stretchesMax) return;
    if (this.disk.residentBytes(fd, position + STRETCH_BYTES / 2, PROBE_BYTES, true) >= PROBE_BYTES) return;
    const jobs = this.aide.outgoing;
    // What somebody waits for goes first.
    if (jobs.freeCount < jobs.slotCount / 2) return;
    const job = jobs.claim();
    if (job < 0) return;
    const at = job * SLOT_WORDS;
    jobs.words[at + SLOT_KIND] = JOB_WARM;
    jobs.words[at + SLOT_EXCHANGE] = ticketOf(partition.slot);
    jobs.words[at + AIDE_FD] = fd;
    jobs.words[at + AIDE_LENGTH] = STRETCH_BYTES;
    jobs.numbers[(at >> 1) + AIDE_POSITION_NUMBER] = position;
    this.underWay += 1;
    partition.isReadingAhead = true;
    partition.aheadOffset = offset;
  }

  /** The slot whose stretch the aide is done with, well or not; -1 when the ticket is none of ours. */
  came(ticket: number): number {
    if (ticket >= 0) return -1;
    this.underWay -= 1;
    const slot = ticketOf(ticket);
    const partition = this.table.at(slot);
    if (partition !== null) partition.isReadingAhead = false;
    return slot;
  }
}

/** Tickets of reads are not negative; slot ↔ ticket is the same way back. */
function ticketOf(slot: number): number {
  return -1 - slot;
}
