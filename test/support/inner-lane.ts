/**
 * A lane into a partition worker that no front stands behind: what the broker itself appends, control batches among it.
 * It wants no watermarks and refuses to hear of an error.
 */
import { assert } from '../../src/base/assert.ts';
import type { LaneEnd } from '../../src/workers/lane.ts';
import {
  APPEND_AT,
  APPEND_FLAG_INTERNAL,
  APPEND_FLAGS,
  APPEND_LENGTH,
  JOB_APPEND,
  RECEIPT_APPEND,
  RECEIPT_ERROR,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../../src/zerocopy/layout.ts';
import type { Memory } from '../../src/zerocopy/memory.ts';
import { plainMemory } from './plain-memory.ts';

const BYTES = 1 << 20;

export class InnerLane {
  readonly memory: Memory = plainMemory(BYTES);
  private readonly lane: LaneEnd;

  constructor(lane: LaneEnd) {
    this.lane = lane;
  }

  /** One batch at a time: the caller settles before the next. */
  append(slot: number, batch: Uint8Array): void {
    const { outgoing } = this.lane;
    this.memory.bytes.set(batch);
    const at = outgoing.claim() * SLOT_WORDS;
    assert(at >= 0, 'the lane has room for one job');
    outgoing.words[at + SLOT_KIND] = JOB_APPEND;
    outgoing.words[at + SLOT_EXCHANGE] = 0;
    outgoing.words[at + SLOT_ENTRY] = 0;
    outgoing.words[at + SLOT_PARTITION] = slot;
    outgoing.words[at + APPEND_AT] = 0;
    outgoing.words[at + APPEND_LENGTH] = batch.length;
    outgoing.words[at + APPEND_FLAGS] = APPEND_FLAG_INTERNAL;
    this.lane.publish();
  }

  drain(): void {
    const { incoming } = this.lane;
    for (let slot = incoming.peek(); slot >= 0; slot = incoming.peek()) {
      const at = slot * SLOT_WORDS;
      const isAppend = incoming.words[at + SLOT_KIND] === RECEIPT_APPEND;
      assert(!isAppend || incoming.words[at + RECEIPT_ERROR] === 0, 'what the broker itself appends is taken');
      incoming.advance();
    }
    this.lane.publish();
  }
}
