/**
 * What a coordinator knows of one transactional id: an immutable value. `transaction-decisions.ts` makes a new one from
 * it for every step, `transaction-records.ts` writes it down, the shard keeps the latest.
 *
 *   Empty ──add──> Ongoing ──end──> PrepareCommit / PrepareAbort ──markers are written──> CompleteCommit / CompleteAbort
 *     ^               │ timeout, or a new producer with the same id: PrepareAbort with a newer epoch            │
 *     └── init ───────┴──────────────────────────────────────────────────────────── add (next transaction) ─────┘
 *
 * PrepareEpochFence and Dead have names because Kafka's tools know them; here a fence goes to PrepareAbort in one step,
 * and an expired id is simply gone, so no transaction ever stands in either.
 */

/** Position in this list is the number in stored records. */
export const TRANSACTION_STATUSES = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
] as const;
export type TransactionStatus = (typeof TRANSACTION_STATUSES)[number];

/** Topic to partitions. */
export type PartitionSets = ReadonlyMap<string, ReadonlySet<number>>;

/** 0: what old clients speak; 2: the epoch grows with every end of a transaction (KIP-890). */
export type ClientVersion = 0 | 1 | 2;

export interface Transaction {
  readonly transactionalId: string;
  readonly producerId: number;
  /** The id before the last step; a client whose answer was lost may still name it. */
  readonly previousProducerId: number;
  /** The id the producer goes on with, because the epochs of this one are used up. */
  readonly nextProducerId: number;
  readonly producerEpoch: number;
  /** The epoch before the last time it grew; -1: no client may go on from it. Written down with an end that changed the id. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly status: TransactionStatus;
  readonly partitions: PartitionSets;
  readonly startMs: number;
  readonly updatedMs: number;
  readonly clientVersion: ClientVersion;
  /**
   * A loss of power, or damage, may have taken what was written of it last, an epoch and who has it among that, while records
   * under that epoch are in the logs: no epoch behind this one, of this producer id or of the next one, may be given to anybody.
   */
  readonly isDoubtful: boolean;
}

export const NO_PRODUCER_ID = -1;
export const NO_EPOCH = -1;
export const EPOCH_MAX = 32_767;
export const NO_PARTITIONS: PartitionSets = new Map();

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** As whom the producer goes on, which it is told before the end of its transaction is everywhere. */
export function identityAfterEnd({ producerId, producerEpoch, nextProducerId }: Transaction): ProducerIdentity {
  return nextProducerId === NO_PRODUCER_ID
    ? { producerId, producerEpoch }
    : { producerId: nextProducerId, producerEpoch: 0 };
}

/** The last epoch of a producer id is kept for fencing. */
export function isEpochExhausted(epoch: number): boolean {
  return epoch >= EPOCH_MAX - 1;
}

export function isPrepared(status: TransactionStatus): boolean {
  return status === 'PrepareCommit' || status === 'PrepareAbort';
}

/** Nothing is under way: an id in such a state may expire. */
export function isAtRest(status: TransactionStatus): boolean {
  return status === 'Empty' || status === 'CompleteCommit' || status === 'CompleteAbort';
}

export function hasPartition(sets: PartitionSets, topic: string, partition: number): boolean {
  return sets.get(topic)?.has(partition) ?? false;
}

export function holdsAll(sets: PartitionSets, wanted: PartitionSets): boolean {
  for (const [topic, partitions] of wanted) {
    for (const partition of partitions) {
      if (!hasPartition(sets, topic, partition)) return false;
    }
  }
  return true;
}

export function united(sets: PartitionSets, added: PartitionSets): PartitionSets {
  const result = new Map(sets);
  for (const [topic, partitions] of added) {
    if (partitions.size === 0) continue;
    result.set(topic, new Set([...(result.get(topic) ?? []), ...partitions]));
  }
  return result;
}
