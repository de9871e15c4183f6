/**
 * A lane: a job ring from a front to a worker and a receipt ring back, each with the bell of the role that reads it.
 * Either end fills slots during its turn and publishes once at the end of it; the bell rings only for a sleeper.
 *
 * Lost wake-ups cannot happen: a role announces its sleep in its bell word, then looks at all of its rings once more.
 */
import type { Bell } from '../zerocopy/bell.ts';
import { Ring } from '../zerocopy/ring.ts';

export interface LaneMemory {
  readonly jobs: SharedArrayBuffer;
  readonly receipts: SharedArrayBuffer;
}

export function createLaneMemory(slots: number): LaneMemory {
  return {
    jobs: new SharedArrayBuffer(Ring.bytesFor(slots)),
    receipts: new SharedArrayBuffer(Ring.bytesFor(slots)),
  };
}

/** One end: the ring it fills, the ring it drains, and the bell of the other side. */
export class LaneEnd {
  readonly outgoing: Ring;
  readonly incoming: Ring;
  readonly otherBell: Bell;

  constructor(outgoing: Ring, incoming: Ring, otherBell: Bell) {
    this.outgoing = outgoing;
    this.incoming = incoming;
    this.otherBell = otherBell;
  }

  /** End of turn: shows what was filled, gives back what was drained, wakes the other side if it sleeps. */
  publish(): void {
    this.incoming.release();
    if (this.outgoing.publish()) this.otherBell.ring();
  }
}

export function frontEnd(memory: LaneMemory, workerBell: Bell): LaneEnd {
  return new LaneEnd(new Ring(memory.jobs), new Ring(memory.receipts), workerBell);
}

export function workerEnd(memory: LaneMemory, frontBell: Bell): LaneEnd {
  return new LaneEnd(new Ring(memory.receipts), new Ring(memory.jobs), frontBell);
}
