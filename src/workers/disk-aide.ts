/**
 * The disk aide: the role that does for the workers what may take milliseconds, so that a worker's turn never does.
 * It brings cold bytes into the page cache before they are handed to a front, and flushes files to the device.
 *
 * Two of them serve all workers, each over a lane from every one: the aide proper does what somebody waits for, the
 * *flusher* what nobody does (write-back, flushes in the background), which may take seconds. They know files and positions,
 * not logs. One job per worker and turn, so that one worker's long scan cannot keep the flushes of another waiting behind
 * it.
 */
import { assert } from '../base/assert.ts';
import type { Disk } from '../storage/disk.ts';
import {
  AIDE_FD,
  AIDE_LENGTH,
  AIDE_POSITION_NUMBER,
  JOB_SYNC,
  JOB_SYNC_SYSTEM,
  JOB_WARM,
  JOB_WRITE_BACK,
  RECEIPT_ERROR,
  RECEIPT_SYNC,
  RECEIPT_SYNC_SYSTEM,
  RECEIPT_WARM,
  RECEIPT_WRITE_BACK,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_WORDS,
} from '../zerocopy/layout.ts';
import type { LaneEnd } from './lane.ts';

export class DiskAide {
  private readonly lanes: readonly LaneEnd[];
  private readonly disk: Disk;

  constructor(lanes: readonly LaneEnd[], disk: Disk) {
    this.lanes = lanes;
    this.disk = disk;
  }

  turn(_nowMs: number): boolean {
    let didWork = false;
    for (let index = 0; index < this.lanes.length; index++) {
      if (this.serveOne(this.lanes[index]!)) didWork = true;
    }
    return didWork;
  }

  get isIdle(): boolean {
    for (let index = 0; index < this.lanes.length; index++) {
      if (!this.lanes[index]!.incoming.isEmpty) return false;
    }
    return true;
  }

  private serveOne(lane: LaneEnd): boolean {
    const slot = lane.incoming.peek();
    if (slot < 0) return false;
    const words = lane.incoming.words;
    const at = slot * SLOT_WORDS;
    const fd = words[at + AIDE_FD]!;
    const position = lane.incoming.numbers[(at >> 1) + AIDE_POSITION_NUMBER]!;
    switch (words[at + SLOT_KIND]!) {
      case JOB_WARM:
        this.answer(lane, RECEIPT_WARM, this.disk.warm(fd, position, words[at + AIDE_LENGTH]!));
        break;
      case JOB_WRITE_BACK:
        this.answer(lane, RECEIPT_WRITE_BACK, this.disk.writeBack(fd, position, words[at + AIDE_LENGTH]!));
        break;
      case JOB_SYNC:
        this.answer(lane, RECEIPT_SYNC, this.disk.sync(fd));
        break;
      case JOB_SYNC_SYSTEM:
        this.answer(lane, RECEIPT_SYNC_SYSTEM, this.disk.syncSystem(fd));
        break;
      default:
        assert(false, 'the aide knows the kind of its job');
    }
    return true;
  }

  private answer(lane: LaneEnd, kind: number, result: number): void {
    const reply = lane.outgoing.claim();
    // The worker keeps fewer jobs under way than the ring has slots, so a reply always has a place.
    assert(reply >= 0, 'the aide has a place for its receipt');
    const out = lane.outgoing.words;
    const to = reply * SLOT_WORDS;
    out[to + SLOT_KIND] = kind;
    out[to + SLOT_EXCHANGE] = lane.incoming.words[lane.incoming.peek() * SLOT_WORDS + SLOT_EXCHANGE]!;
    out[to + RECEIPT_ERROR] = result < 0 ? result : 0;
    lane.incoming.advance();
    lane.publish();
  }
}
