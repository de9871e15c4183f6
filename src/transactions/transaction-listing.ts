/**
 * Which transactions ListTransactions shows: filters by state, producer, age and a pattern of ids. Patterns come from
 * clients, so they are matched by an engine whose time grows with the length of the text and no faster.
 */
import { LinearPattern } from '../base/linear-pattern.ts';
import { Turns } from '../base/turns.ts';
import { TRANSACTION_STATUSES, type Transaction, type TransactionStatus } from './transaction.ts';

export interface ListingFilter {
  /** Empty: any. */
  readonly statuses: readonly string[];
  readonly producerIds: readonly number[];
  /** Begun at least so long ago; negative: any. */
  readonly durationMs: number;
  readonly pattern: string | null;
  /** Nothing else is looked at, and told. */
  sees(transactionalId: string): boolean;
}

/** About 5 ms. */
const SLICE_STEPS = 50_000;
/** Of one id, which is not left in the middle: less than half a second. */
const ID_STEPS_MAX = 4_000_000;

export function unknownStatuses(statuses: readonly string[]): string[] {
  return statuses.filter((status) => !isStatus(status));
}

/** Patterns are matched a slice of work at a time and one listing after the other, so that others have their turn in between. */
export class TransactionListing {
  private readonly turns = new Turns(1);
  private readonly pause: () => Promise<void>;

  constructor(pause: () => Promise<void>) {
    this.pause = pause;
  }

  /** Null: the pattern is no regular expression, or would take too long. */
  async listed(
    transactions: readonly Transaction[],
    filter: ListingFilter,
    nowMs: number,
  ): Promise<readonly Transaction[] | null> {
    const compiled = filter.pattern === null || filter.pattern === '' ? null : LinearPattern.compile(filter.pattern);
    if (compiled?.kind === 'broken') return null;
    const statuses = new Set(filter.statuses);
    const producerIds = new Set(filter.producerIds);
    const chosen = transactions.filter((transaction) => {
      if (producerIds.size > 0 && !producerIds.has(transaction.producerId)) return false;
      if (statuses.size > 0 && !statuses.has(transaction.status)) return false;
      if (filter.durationMs >= 0 && nowMs - transaction.startMs <= filter.durationMs) return false;
      return filter.sees(transaction.transactionalId);
    });
    return compiled === null ? chosen : await this.turns.take(() => this.matching(chosen, compiled.pattern));
  }

  private async matching(transactions: readonly Transaction[], pattern: LinearPattern): Promise<Transaction[] | null> {
    if (transactions.some(({ transactionalId: id }) => pattern.stepsMax(id) > ID_STEPS_MAX)) return null;
    const found: Transaction[] = [];
    let steps = 0;
    for (const transaction of transactions) {
      const id = transaction.transactionalId;
      if (pattern.matches(id)) found.push(transaction);
      steps += pattern.stepsMax(id);
      if (steps < SLICE_STEPS) continue;
      await this.pause();
      steps = 0;
    }
    return found;
  }
}

function isStatus(text: string): text is TransactionStatus {
  return TRANSACTION_STATUSES.some((status) => status === text);
}
