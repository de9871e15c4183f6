/**
 * Producers whose next transactional batch in a log has to be verified first, because none of the transaction is there yet
 * (KIP-890). Several may be under way, and the ones behind may not come in because the first of them was refused; and a
 * producer that gets a new epoch with every transaction begins each of them at sequence 0. The ledger notes a batch when it
 * gives it back, and asks when it comes again, verified.
 */

/** Beyond it all are forgotten, and with them only the help against overtaking. */
const PRODUCERS_MAX = 10_000;

interface FirstBatch {
  epoch: number;
  /** The lowest of those that were given back under this epoch. */
  sequence: number;
  /** As the client's version was when it first came. */
  readonly bumpsEpoch: boolean;
}

export class UnverifiedProducers {
  private readonly firstBatches = new Map<number, FirstBatch>();

  note(id: number, epoch: number, sequence: number, bumpsEpoch: boolean): void {
    const first = this.firstBatches.get(id);
    if (first === undefined) {
      if (this.firstBatches.size >= PRODUCERS_MAX) this.firstBatches.clear();
      this.firstBatches.set(id, { epoch, sequence, bumpsEpoch });
    } else if (epoch > first.epoch || (epoch === first.epoch && sequence < first.sequence)) {
      first.epoch = epoch;
      first.sequence = sequence;
    }
  }

  /** `hasBatches`: the log remembers batches of the producer, and with them what its next sequence is. */
  mayBegin(id: number, sequence: number, hasBatches: boolean): boolean {
    const first = this.firstBatches.get(id);
    if (first === undefined) return true;
    if (first.bumpsEpoch && !hasBatches && sequence !== 0) return false;
    return sequence <= first.sequence;
  }

  /** A batch of the producer's transaction is in the log. */
  begun(id: number): void {
    if (this.firstBatches.size > 0) this.firstBatches.delete(id);
  }

  /** A marker of the producer is in the log: it may end the transaction before the one that wants to begin. */
  ended(id: number, markerEpoch: number): void {
    if (this.firstBatches.size === 0) return;
    const first = this.firstBatches.get(id);
    if (first !== undefined && !(first.bumpsEpoch && first.epoch === markerEpoch)) this.firstBatches.delete(id);
  }

  clear(): void {
    this.firstBatches.clear();
  }
}
