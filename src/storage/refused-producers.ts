/**
 * Producers of which a log knows nothing, because their first batches were refused for a while: the disk was full, or a file
 * did not open. Of a producer that nothing is known of any sequence is taken for its first, so that a later batch of the same
 * burst, which came when the log was well again, would go in before those that are sent again. It has to wait for them.
 */

/** Beyond it all are forgotten, and with them only the help against overtaking. */
const PRODUCERS_MAX = 10_000;

interface RefusedBatch {
  epoch: number;
  /** The lowest of those that were refused under this epoch. */
  sequence: number;
}

export class RefusedProducers {
  private readonly refused = new Map<number, RefusedBatch>();

  note(id: number, epoch: number, sequence: number): void {
    const batch = this.refused.get(id);
    if (batch === undefined) {
      if (this.refused.size >= PRODUCERS_MAX) this.refused.clear();
      this.refused.set(id, { epoch, sequence });
    } else if (epoch > batch.epoch || (epoch === batch.epoch && sequence < batch.sequence)) {
      batch.epoch = epoch;
      batch.sequence = sequence;
    }
  }

  mayBegin(id: number, epoch: number, sequence: number): boolean {
    const batch = this.refused.get(id);
    return batch === undefined || epoch !== batch.epoch || sequence <= batch.sequence;
  }

  /** A batch of the producer is in the log, which knows from now on what comes next. */
  begun(id: number): void {
    if (this.refused.size > 0) this.refused.delete(id);
  }
}
