/**
 * How long appends take in a worker, stage by stage, into the stage board. The clock is read once for the jobs of a turn,
 * once behind its writes, and once for each flush that came back; without an HTTP side there is no such object, and no
 * reading. The clock is the one that all threads share, because a job carries the front's time and a receipt the worker's.
 */
import { STAGE_APPEND, STAGE_BUCKETS, STAGE_FLUSH, STAGE_QUEUE, type StageBoard } from '../zerocopy/stage-board.ts';
import { bucketOf, microsecondsOf } from '../zerocopy/tally.ts';

const UNREAD = 0;

export class AppendStages {
  /** When the writes of the turn were done. */
  writtenMs = UNREAD;
  private readonly board: StageBoard;
  private readonly clock: () => number;
  private takenMs = UNREAD;
  private sentMs = UNREAD;
  private queueBucket = 0;
  private queueUs = 0;
  private appendBucket = 0;
  private appendUs = 0;

  constructor(board: StageBoard, clock: () => number) {
    this.board = board;
    this.clock = clock;
  }

  /** Before the first append of a turn is looked at. */
  begin(): void {
    if (this.takenMs === UNREAD) this.takenMs = this.clock();
  }

  /** A job has left its lane. `sentMs` is 0 for batches of the broker itself, which wait in main before they come here. */
  taken(slot: number, sentMs: number): void {
    if (sentMs === UNREAD) return;
    // Jobs of one turn of a front come together, with one time.
    if (sentMs !== this.sentMs) {
      this.sentMs = sentMs;
      this.queueUs = microsecondsOf(this.takenMs - sentMs);
      this.queueBucket = bucketOf(this.queueUs, STAGE_BUCKETS, this.board.shiftOf(STAGE_QUEUE));
    }
    this.board.countIn(slot, STAGE_QUEUE, this.queueBucket, this.queueUs);
  }

  /** All writes of the turn are done; its appends are counted next. */
  written(): void {
    const nowMs = this.clock();
    this.writtenMs = nowMs;
    const us = this.takenMs === UNREAD ? 0 : microsecondsOf(nowMs - this.takenMs);
    this.appendUs = us;
    this.appendBucket = bucketOf(us, STAGE_BUCKETS, this.board.shiftOf(STAGE_APPEND));
  }

  appended(slot: number): void {
    this.board.countIn(slot, STAGE_APPEND, this.appendBucket, this.appendUs);
  }

  endTurn(): void {
    this.takenMs = UNREAD;
    this.sentMs = UNREAD;
  }

  /** The time for the receipts of one flush. */
  flushedMs(): number {
    return this.clock();
  }

  flushed(slot: number, writtenMs: number, flushedMs: number): void {
    this.board.count(slot, STAGE_FLUSH, flushedMs - writtenMs);
  }
}
