/**
 * Asks the flusher for write-back of what logs have grown by, a range at a time (`storage/log-write-back`). Under long
 * sustained produce the system would begin late and in bursts, and then hold writers up.
 *
 * A ticket is an index into these tables. It outlives its partition: the file is pinned, and closes when it comes back.
 */
import { assert, must } from '../base/assert.ts';
import type { FileHandle } from '../storage/file-cache.ts';
import type { LogWriteBack } from '../storage/log-write-back.ts';
import {
  AIDE_FD,
  AIDE_LENGTH,
  AIDE_POSITION_NUMBER,
  JOB_WRITE_BACK,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_WORDS,
} from '../zerocopy/layout.ts';
import type { LaneEnd } from './lane.ts';
import type { OwnedPartition } from './partition-table.ts';

export class WriteBacks {
  private readonly flusher: LaneEnd;
  /** 0: the system writes back when it sees fit. */
  private readonly bytesMin: number;
  private readonly logs: (LogWriteBack | null)[] = [];
  private readonly handles: (FileHandle | null)[] = [];
  private readonly free: Int32Array;
  private freeCount: number;

  /** `countMax`: most ranges under way at a time. */
  constructor(flusher: LaneEnd, bytesMin: number, countMax: number) {
    this.flusher = flusher;
    this.bytesMin = bytesMin;
    this.free = new Int32Array(countMax);
    this.freeCount = countMax;
    for (let ticket = 0; ticket < countMax; ticket++) {
      this.free[ticket] = ticket;
      this.logs.push(null);
      this.handles.push(null);
    }
  }

  /** Behind a write. Without a ticket the range grows until there is one. */
  ask(partition: OwnedPartition): void {
    if (this.bytesMin === 0 || this.freeCount === 0) return;
    const { writeBack } = partition.log;
    const handle = writeBack.begin(this.bytesMin);
    if (handle === null) return;
    this.freeCount -= 1;
    const ticket = this.free[this.freeCount]!;
    this.logs[ticket] = writeBack;
    this.handles[ticket] = handle;
    const jobs = this.flusher.outgoing;
    const job = jobs.claim();
    assert(job >= 0, 'the flusher has room for a range of every ticket');
    const to = job * SLOT_WORDS;
    jobs.words[to + SLOT_KIND] = JOB_WRITE_BACK;
    jobs.words[to + SLOT_EXCHANGE] = ticket;
    jobs.words[to + AIDE_FD] = writeBack.fd;
    jobs.words[to + AIDE_LENGTH] = writeBack.length;
    jobs.numbers[(to >> 1) + AIDE_POSITION_NUMBER] = writeBack.position;
  }

  /** An error is none of ours: the flush that vouches for the bytes meets it as well. */
  done(words: Int32Array, at: number): void {
    const ticket = words[at + SLOT_EXCHANGE]!;
    const handle = must(this.handles[ticket] ?? null, 'the flusher answers a range that is under way');
    must(this.logs[ticket] ?? null, 'a range belongs to a log').end(handle);
    this.logs[ticket] = null;
    this.handles[ticket] = null;
    this.free[this.freeCount] = ticket;
    this.freeCount += 1;
  }
}
