/**
 * Transactions as records of `__transaction_state`, in Kafka's format: the transactional id is the key, the newest value
 * of a key is what holds, no value means that the id has expired. Values are written in version 1, as brokers with
 * `transaction.version` 1 and 2 write them; version 0 is read. Read and written by the shards; Kafka's
 * TransactionLogMessageFormatter and `DumpLogSegments --transaction-log-decoder` read the same. Two fields are this broker's
 * own, there only after a start that followed no clean stop: whoever does not know their tags passes over them.
 */
import {
  array,
  boolean,
  int8,
  int16,
  int32,
  int64,
  NEVER,
  nullable,
  since,
  string,
  struct,
  tagged,
  withDefault,
} from '../protocol/fields.ts';
import { protocolFault } from '../protocol/reader.ts';
import { decodeStored, defineStored, encodeStored, storedKind } from '../protocol/stored-record.ts';
import {
  type ClientVersion,
  isEpochExhausted,
  NO_EPOCH,
  NO_PARTITIONS,
  NO_PRODUCER_ID,
  type PartitionSets,
  TRANSACTION_STATUSES,
  type Transaction,
} from './transaction.ts';

/** Far from those that Kafka gives out one after the other. */
const OWN_TAG = 10_000;

const transactionLogKey = defineStored({
  name: 'TransactionLogKey',
  /** A key's version is the number of its kind. */
  kind: 0,
  versions: [0, 0],
  flexibleSince: NEVER,
  fields: {
    transactionalId: string(),
  },
});

const transactionLogValue = defineStored({
  name: 'TransactionLogValue',
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    producerId: int64(),
    previousProducerId: since(1, tagged(0, withDefault(int64(), NO_PRODUCER_ID))),
    nextProducerId: since(1, tagged(1, withDefault(int64(), NO_PRODUCER_ID))),
    producerEpoch: int16(),
    nextProducerEpoch: since(1, tagged(3, withDefault(int16(), NO_EPOCH))),
    transactionTimeoutMs: int32(),
    transactionStatus: int8(),
    transactionPartitions: nullable(array(struct({ topic: string(), partitionIds: array(int32()) }))),
    transactionLastUpdateTimestampMs: int64(),
    transactionStartTimestampMs: int64(),
    clientTransactionVersion: since(1, tagged(2, withDefault(int16(), 0))),
    isDoubtful: since(1, tagged(OWN_TAG, withDefault(boolean(), false))),
    lastProducerEpoch: since(1, tagged(OWN_TAG + 1, withDefault(int16(), NO_EPOCH))),
  },
});

const KIND_TRANSACTION = 0;
const VALUE_VERSION = 1;

export function encodeKey(transactionalId: string): Uint8Array {
  return encodeStored(transactionLogKey, KIND_TRANSACTION, { transactionalId });
}

export function encodeValue(transaction: Transaction): Uint8Array {
  const isEmpty = transaction.status === 'Empty';
  return encodeStored(transactionLogValue, VALUE_VERSION, {
    producerId: transaction.producerId,
    previousProducerId: transaction.previousProducerId,
    nextProducerId: transaction.nextProducerId,
    producerEpoch: transaction.producerEpoch,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStatus: TRANSACTION_STATUSES.indexOf(transaction.status),
    transactionPartitions: isEmpty ? null : partitionRows(transaction.partitions),
    transactionLastUpdateTimestampMs: transaction.updatedMs,
    transactionStartTimestampMs: transaction.startMs,
    clientTransactionVersion: transaction.clientVersion,
    isDoubtful: transaction.isDoubtful,
    lastProducerEpoch: isRotatedByEnd(transaction) ? transaction.lastProducerEpoch : NO_EPOCH,
  });
}

/** A client whose answer was lost asks for that end once more, under the id and the epoch it had. */
function isRotatedByEnd(transaction: Transaction): boolean {
  const { status, producerId, previousProducerId, producerEpoch, lastProducerEpoch } = transaction;
  const isEnded = status === 'CompleteCommit' || status === 'CompleteAbort';
  if (!isEnded || producerEpoch !== 0 || producerId === previousProducerId) return false;
  // Kafka knows this one without being told.
  return !isEpochExhausted(lastProducerEpoch);
}

/** Null: a kind of key that this broker does not know. */
export function decodeKey(bytes: Uint8Array): string | null {
  if (storedKind(bytes) !== KIND_TRANSACTION) return null;
  return decodeStored(transactionLogKey, bytes).transactionalId;
}

/** Throws Fault for what is no such value. */
export function decodeValue(transactionalId: string, bytes: Uint8Array): Transaction {
  const value = decodeStored(transactionLogValue, bytes);
  const status = TRANSACTION_STATUSES[value.transactionStatus];
  if (status === undefined || status === 'Dead' || status === 'PrepareEpochFence') {
    throw protocolFault(`no transaction is written down in the state ${value.transactionStatus}`);
  }
  return {
    transactionalId,
    producerId: value.producerId,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    producerEpoch: value.producerEpoch,
    lastProducerEpoch: value.lastProducerEpoch,
    timeoutMs: value.transactionTimeoutMs,
    status,
    partitions: partitionSets(value.transactionPartitions ?? []),
    startMs: value.transactionStartTimestampMs,
    updatedMs: value.transactionLastUpdateTimestampMs,
    clientVersion: clientVersionOf(value.clientTransactionVersion),
    isDoubtful: value.isDoubtful,
  };
}

interface PartitionRow {
  readonly topic: string;
  readonly partitionIds: readonly number[];
}

/** As answers and records list partitions: by topic. */
export function partitionRows(sets: PartitionSets): PartitionRow[] {
  return [...sets].map(([topic, partitions]) => ({ topic, partitionIds: [...partitions] }));
}

function partitionSets(rows: readonly PartitionRow[]): PartitionSets {
  if (rows.length === 0) return NO_PARTITIONS;
  return new Map(rows.map(({ topic, partitionIds }) => [topic, new Set(partitionIds)]));
}

function clientVersionOf(version: number): ClientVersion {
  return version >= 2 ? 2 : version === 1 ? 1 : 0;
}
