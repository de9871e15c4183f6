/**
 * The disk aide: the role that does for the workers what may take milliseconds, so that a worker's turn never does.
 * It brings cold bytes into the page cache before they are handed to a front, and flushes files to the device.
 *
 * One aide serves all workers, over a lane from each. It knows files and positions, not logs. One job per worker and
 * turn, so that one worker's long scan cannot keep the flushes of another waiting behind it.
 */
import { assert } from '../base/assert.ts';
import type { Disk } from '../storage/disk.ts';
import {
  AIDE_FD,
  AIDE_LENGTH,
  AIDE_POSITION_NUMBER,
  JOB_SYNC,
  JOB_WARM,
  RECEIPT_ERROR,
  RECEIPT_SYNC,
  RECEIPT_WARM,
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
    const reply = lane.outgoing.claim();
    // The worker keeps fewer jobs under way than the ring has slots, so a reply always has a place.
    assert(reply >= 0, 'the aide has a place for its receipt');
    const words = lane.incoming.words;
    const at = slot * SLOT_WORDS;
    const kind = words[at + SLOT_KIND]!;
    const fd = words[at + AIDE_FD]!;
    const ticket = words[at + SLOT_EXCHANGE]!;
    let result = 0;
    if (kind === JOB_WARM) {
      const position = lane.incoming.numbers[(at >> 1) + AIDE_POSITION_NUMBER]!;
      result = this.disk.warm(fd, position, words[at + AIDE_LENGTH]!);
    } else {
      assert(kind === JOB_SYNC, 'the aide knows the kind of its job');
      result = this.disk.sync(fd);
    }
    const out = lane.outgoing.words;
    const to = reply * SLOT_WORDS;
    out[to + SLOT_KIND] = kind === JOB_WARM ? RECEIPT_WARM : RECEIPT_SYNC;
    out[to + SLOT_EXCHANGE] = ticket;
    out[to + RECEIPT_ERROR] = result < 0 ? result : 0;
    lane.incoming.advance();
    lane.publish();
    return true;
  }
}
