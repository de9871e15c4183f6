/**
 * The front's lanes to the workers: places for jobs, leases on their way back, one publish per touched lane and turn.
 *
 * Giving a lease back must never fail and never block, so releases that find a full ring wait here, and go first when
 * there is room. Their number is bounded by the leases the front holds.
 */
import { assert, must } from '../base/assert.ts';
import type { LaneEnd } from '../workers/lane.ts';
import {
  JOB_RELEASE,
  RELEASE_LEASE,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../zerocopy/layout.ts';

/** Lease and partition slot of one release. */
const RELEASE_WORDS = 2;

export class WorkerLanes {
  private readonly lanes: readonly LaneEnd[];
  private readonly isTouched: Uint8Array;
  /** Releases that wait, per worker: pairs, oldest first. */
  private readonly waiting: number[][] = [];
  private waitingCount = 0;

  constructor(lanes: readonly LaneEnd[]) {
    this.lanes = lanes;
    this.isTouched = new Uint8Array(lanes.length);
    for (let worker = 0; worker < lanes.length; worker++) this.waiting.push([]);
  }

  get count(): number {
    return this.lanes.length;
  }

  get hasWaitingReleases(): boolean {
    return this.waitingCount > 0;
  }

  laneOf(worker: number): LaneEnd {
    return must(this.lanes[worker], 'a route names a worker of this broker');
  }

  /** A slot of the worker's job ring to be filled now, or -1. Releases that wait go first. */
  claim(worker: number): number {
    if (this.waitingCount > 0 && !this.sendWaiting(worker)) return -1;
    const slot = this.laneOf(worker).outgoing.claim();
    if (slot >= 0) this.isTouched[worker] = 1;
    return slot;
  }

  release(worker: number, lease: number, partitionSlot: number): void {
    assert(lease >= 0, 'only a held lease goes back');
    const slot = this.claim(worker);
    if (slot >= 0) {
      this.writeRelease(worker, slot, lease, partitionSlot);
      return;
    }
    must(this.waiting[worker], 'every worker has a list of waiting releases').push(lease, partitionSlot);
    this.waitingCount += 1;
  }

  /** Something was taken out of this worker's receipts: the lane is published at the end of the turn. */
  touch(worker: number): void {
    this.isTouched[worker] = 1;
  }

  publish(): void {
    for (let worker = 0; worker < this.lanes.length; worker++) {
      if (this.waitingCount > 0) this.sendWaiting(worker);
      if (this.isTouched[worker] === 0) continue;
      this.isTouched[worker] = 0;
      this.laneOf(worker).publish();
    }
  }

  private sendWaiting(worker: number): boolean {
    const waiting = must(this.waiting[worker], 'every worker has a list of waiting releases');
    const lane = this.laneOf(worker);
    let sent = 0;
    while (sent < waiting.length) {
      const slot = lane.outgoing.claim();
      if (slot < 0) break;
      this.isTouched[worker] = 1;
      this.writeRelease(worker, slot, waiting[sent]!, waiting[sent + 1]!);
      sent += RELEASE_WORDS;
    }
    if (sent > 0) {
      waiting.splice(0, sent);
      this.waitingCount -= sent / RELEASE_WORDS;
    }
    return waiting.length === 0;
  }

  private writeRelease(worker: number, slot: number, lease: number, partitionSlot: number): void {
    const words = this.laneOf(worker).outgoing.words;
    const at = slot * SLOT_WORDS;
    words[at + SLOT_KIND] = JOB_RELEASE;
    words[at + SLOT_EXCHANGE] = -1;
    words[at + SLOT_ENTRY] = -1;
    words[at + SLOT_PARTITION] = partitionSlot;
    words[at + RELEASE_LEASE] = lease;
  }
}
