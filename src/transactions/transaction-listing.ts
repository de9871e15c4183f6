/**
 * Which transactions ListTransactions shows: filters by state, producer, age and a pattern of ids. Patterns come from
 * clients, so they are matched by an engine whose time grows with the length of the text and no faster.
 */
import { LinearPattern } from '../base/linear-pattern.ts';
import { TRANSACTION_STATUSES, type Transaction, type TransactionStatus } from './transaction.ts';

export interface ListingFilter {
  /** Empty: any. */
  readonly statuses: readonly string[];
  readonly producerIds: readonly number[];
  /** Begun at least so long ago; negative: any. */
  readonly durationMs: number;
  readonly pattern: string | null;
}

export function unknownStatuses(statuses: readonly string[]): string[] {
  return statuses.filter((status) => !isStatus(status));
}

/** Null: the pattern is no regular expression. */
export function listed(
  transactions: readonly Transaction[],
  filter: ListingFilter,
  nowMs: number,
): Transaction[] | null {
  const pattern = patternOf(filter.pattern);
  if (pattern === null) return null;
  const statuses = new Set(filter.statuses);
  const producerIds = new Set(filter.producerIds);
  return transactions.filter((transaction) => {
    if (producerIds.size > 0 && !producerIds.has(transaction.producerId)) return false;
    if (statuses.size > 0 && !statuses.has(transaction.status)) return false;
    if (filter.durationMs >= 0 && nowMs - transaction.startMs <= filter.durationMs) return false;
    return pattern(transaction.transactionalId);
  });
}

function patternOf(source: string | null): ((transactionalId: string) => boolean) | null {
  if (source === null || source === '') return () => true;
  const compiled = LinearPattern.compile(source);
  if (compiled.kind === 'broken') return null;
  return (transactionalId) => compiled.pattern.matches(transactionalId);
}

function isStatus(text: string): text is TransactionStatus {
  return TRANSACTION_STATUSES.some((status) => status === text);
}
