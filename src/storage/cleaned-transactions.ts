/**
 * What compaction must know of transactions while it passes over a log from its beginning: which batches belong to aborted
 * ones and can go, and which markers nobody needs any more. Kafka's rules:
 *
 *   a batch of an aborted transaction goes
 *   an abort marker stays while this pass still met a batch of its transaction; it then keeps its entry in the index
 *   a commit marker stays while this pass still met a batch of its transaction
 *   a marker that is not needed goes when its delete horizon has passed
 *
 * Its state is plain, since the segments of a log are compacted in several tasks.
 */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly stableOffset: number;
}

interface OngoingAborted {
  readonly transaction: AbortedTransaction;
  isObserved: boolean;
}

export interface TransactionsState {
  readonly committed: readonly number[];
  readonly aborted: readonly { readonly transaction: AbortedTransaction; readonly isObserved: boolean }[];
}

export const NO_TRANSACTIONS: TransactionsState = { committed: [], aborted: [] };

export class CleanedTransactions {
  /** The aborted transaction of the last marker, when it still needs its entry in the index. */
  kept: AbortedTransaction | null = null;
  private readonly committed: Set<number>;
  private readonly ongoing = new Map<number, OngoingAborted>();
  /** By first offset, the next one last. */
  private waiting: AbortedTransaction[] = [];

  constructor(state: TransactionsState) {
    this.committed = new Set(state.committed);
    for (const { transaction, isObserved } of state.aborted) {
      this.ongoing.set(transaction.producerId, { transaction, isObserved });
    }
  }

  get state(): TransactionsState {
    return {
      committed: [...this.committed],
      aborted: [...this.ongoing.values()].map(({ transaction, isObserved }) => ({ transaction, isObserved })),
    };
  }

  /** All aborted transactions that overlap what is passed over next. */
  expect(transactions: readonly AbortedTransaction[]): void {
    this.waiting = transactions.toSorted((left, right) => right.firstOffset - left.firstOffset);
  }

  /** A batch of data: true when it belongs to an aborted transaction. */
  meetData(producerId: number, isTransactional: boolean, lastOffset: number): boolean {
    this.beginUpTo(lastOffset);
    if (!isTransactional) return false;
    const aborted = this.ongoing.get(producerId);
    if (aborted !== undefined) {
      aborted.isObserved = true;
      return true;
    }
    this.committed.add(producerId);
    return false;
  }

  /** A marker: true when its transaction needs it no more. Sets `kept`. */
  meetMarker(producerId: number, isAbort: boolean, lastOffset: number): boolean {
    this.kept = null;
    this.beginUpTo(lastOffset);
    if (!isAbort) return !this.committed.delete(producerId);
    const aborted = this.ongoing.get(producerId);
    this.ongoing.delete(producerId);
    if (aborted === undefined || !aborted.isObserved) return true;
    this.kept = aborted.transaction;
    return false;
  }

  private beginUpTo(offset: number): void {
    for (let next = this.waiting.at(-1); next !== undefined && next.firstOffset <= offset; next = this.waiting.at(-1)) {
      this.waiting.pop();
      if (!this.ongoing.has(next.producerId))
        this.ongoing.set(next.producerId, { transaction: next, isObserved: false });
    }
  }
}
