/**
 * The state machine of a transaction as functions `(transaction, command, nowMs) → decision`; nothing is performed here.
 * Rules and error codes are Kafka's, those of KIP-890 included; the coordinator carries the decisions out.
 *
 * A client that speaks version 2 gets a new epoch with every end of a transaction. So its request with the epoch before
 * the current one is the same request sent again, and one with the current epoch is a new one:
 *
 *   state          │ abort again  abort new      │ commit again  commit new
 *   Empty          │ fenced       epoch grows    │ fenced        invalid state
 *   CompleteAbort  │ done         epoch grows    │ invalid       invalid state
 *   CompleteCommit │ invalid      epoch grows    │ done          invalid state
 */
import { assert } from '../base/assert.ts';
import { errorCode } from '../protocol/errors.ts';
import {
  type ClientVersion,
  EPOCH_MAX,
  hasPartition,
  holdsAll,
  identityAfterEnd,
  isAtRest,
  isEpochExhausted,
  isPrepared,
  NO_EPOCH,
  NO_PARTITIONS,
  NO_PRODUCER_ID,
  type PartitionSets,
  type ProducerIdentity,
  type Transaction,
  united,
} from './transaction.ts';

export type Decision =
  | { readonly kind: 'refuse'; readonly error: number }
  /** Nothing changes: the answer is what is there, once it is durable. */
  | { readonly kind: 'stand' }
  /** `error` goes to the client although the change is made; 0: none. */
  | { readonly kind: 'change'; readonly next: Transaction; readonly error: number }
  /** Ask again with a producer id that nobody has used. */
  | { readonly kind: 'wants-producer-id' };

export interface InitCommand {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  /** The client goes on with the id it has (KIP-360). */
  readonly expected: ProducerIdentity | null;
  readonly freshProducerId: number | null;
}

export interface AddCommand extends ProducerIdentity {
  readonly partitions: PartitionSets;
  readonly clientVersion: ClientVersion;
}

export interface EndCommand extends ProducerIdentity {
  readonly isCommit: boolean;
  readonly clientVersion: ClientVersion;
  readonly freshProducerId: number | null;
}

export interface StrayCommand extends ProducerIdentity {
  /** Where it is open. */
  readonly partitions: PartitionSets;
  readonly freshProducerId: number | null;
}

/** What the broker itself ends is ended by the rules of the newest version. */
const SERVER_VERSION: ClientVersion = 2;
const STAND: Decision = { kind: 'stand' };
const WANTS_ID: Decision = { kind: 'wants-producer-id' };

function refuse(error: number): Decision {
  return { kind: 'refuse', error };
}

function change(next: Transaction, error: number = errorCode.NONE): Decision {
  return { kind: 'change', next, error };
}

// ── InitProducerId ──────────────────────────────────────────────────────────────────────────────────────────────────

export function decideInit(transaction: Transaction | null, command: InitCommand, nowMs: number): Decision {
  if (transaction === null) return create(command, nowMs);
  if (command.expected !== null && !mayGoOn(transaction, command.expected)) return refuse(errorCode.PRODUCER_FENCED);
  if (isPrepared(transaction.status)) return refuse(errorCode.CONCURRENT_TRANSACTIONS);
  // The client comes again, and gets an epoch of its own when the abort is done.
  if (transaction.status === 'Ongoing')
    return fence(transaction, command.freshProducerId, errorCode.CONCURRENT_TRANSACTIONS, nowMs);
  assert(isAtRest(transaction.status), 'a transaction that is known is under way, prepared, or at rest');
  const { expected, freshProducerId } = command;
  const isCurrent = expected === null || expected.producerEpoch === transaction.producerEpoch;
  if (isUsedUp(transaction) && isCurrent) {
    if (freshProducerId === null) return WANTS_ID;
    const lastProducerEpoch = expected === null ? NO_EPOCH : transaction.producerEpoch;
    return change(begun(transaction, command, freshProducerId, 0, lastProducerEpoch, nowMs));
  }
  const { producerId, producerEpoch, lastProducerEpoch } = transaction;
  if (isCurrent) {
    const last = expected === null ? NO_EPOCH : producerEpoch;
    return change(begun(transaction, command, producerId, producerEpoch + 1, last, nowMs));
  }
  // Sent again: nobody came in between, or the last epoch would have been forgotten.
  if (!isLast(transaction, expected)) return refuse(errorCode.PRODUCER_FENCED);
  return change(begun(transaction, command, producerId, producerEpoch, lastProducerEpoch, nowMs));
}

function create({ transactionalId, timeoutMs, freshProducerId }: InitCommand, nowMs: number): Decision {
  if (freshProducerId === null) return WANTS_ID;
  return change({
    transactionalId,
    producerId: freshProducerId,
    previousProducerId: freshProducerId,
    nextProducerId: NO_PRODUCER_ID,
    producerEpoch: 0,
    lastProducerEpoch: NO_EPOCH,
    timeoutMs,
    status: 'Empty',
    partitions: NO_PARTITIONS,
    startMs: -1,
    updatedMs: nowMs,
    clientVersion: 0,
    isDoubtful: false,
  });
}

/** Whoever comes next needs another producer id: the epochs of this one run out, or are not to be trusted. */
function isUsedUp({ producerEpoch, isDoubtful }: Transaction): boolean {
  return isDoubtful || isEpochExhausted(producerEpoch);
}

function mayGoOn(transaction: Transaction, { producerId, producerEpoch }: ProducerIdentity): boolean {
  if (producerId === transaction.producerId || producerId === transaction.nextProducerId) return true;
  const isBeforeRotation = transaction.producerEpoch === 0 && producerEpoch === transaction.lastProducerEpoch;
  return producerId === transaction.previousProducerId && (isEpochExhausted(producerEpoch) || isBeforeRotation);
}

/** Whether the producer has what it had before the last step. Behind another id, that is an epoch of the id before. */
function isLast(transaction: Transaction, { producerId, producerEpoch }: ProducerIdentity): boolean {
  if (producerEpoch !== transaction.lastProducerEpoch) return false;
  if (transaction.producerEpoch > 0) return producerId === transaction.producerId;
  return producerId !== transaction.producerId && producerId === transaction.previousProducerId;
}

function begun(
  transaction: Transaction,
  { timeoutMs }: InitCommand,
  producerId: number,
  producerEpoch: number,
  lastProducerEpoch: number,
  nowMs: number,
): Transaction {
  return {
    ...transaction,
    producerId,
    previousProducerId: transaction.producerId,
    nextProducerId: NO_PRODUCER_ID,
    producerEpoch,
    lastProducerEpoch,
    timeoutMs,
    status: 'Empty',
    partitions: NO_PARTITIONS,
    startMs: -1,
    updatedMs: nowMs,
    isDoubtful: transaction.isDoubtful && producerId === transaction.producerId,
  };
}

/** Aborts what is ongoing, as if its producer had: the epoch grows once, and whoever has the one before is fenced. */
function fence(transaction: Transaction, freshProducerId: number | null, error: number, nowMs: number): Decision {
  const rotates = isUsedUp(transaction);
  if (rotates && freshProducerId === null) return WANTS_ID;
  const nextProducerId = rotates ? (freshProducerId ?? NO_PRODUCER_ID) : NO_PRODUCER_ID;
  return change(prepared(transaction, false, SERVER_VERSION, nextProducerId, transaction.startMs, nowMs), error);
}

// ── partitions ──────────────────────────────────────────────────────────────────────────────────────────────────────

export function decideAdd(transaction: Transaction | null, command: AddCommand, nowMs: number): Decision {
  const error = identityError(transaction, command);
  if (transaction === null || error !== errorCode.NONE) return refuse(error);
  if (isPrepared(transaction.status)) return refuse(errorCode.CONCURRENT_TRANSACTIONS);
  const { status, partitions, startMs } = transaction;
  const isOngoing = status === 'Ongoing';
  if (isOngoing && holdsAll(partitions, command.partitions)) return STAND;
  return change({
    ...transaction,
    previousProducerId: transaction.producerId,
    status: 'Ongoing',
    partitions: united(partitions, command.partitions),
    startMs: isOngoing ? startMs : nowMs,
    updatedMs: nowMs,
    clientVersion: command.clientVersion,
  });
}

/** Whether a producer may write: its transaction as such, then partition by partition with `isPartOf`. */
export function verify(transaction: Transaction | null, identity: ProducerIdentity): number {
  const error = identityError(transaction, identity);
  if (transaction === null || error !== errorCode.NONE) return error;
  return isPrepared(transaction.status) ? errorCode.CONCURRENT_TRANSACTIONS : errorCode.NONE;
}

export function isPartOf(transaction: Transaction, topic: string, partition: number): boolean {
  return transaction.status === 'Ongoing' && hasPartition(transaction.partitions, topic, partition);
}

function identityError(transaction: Transaction | null, identity: ProducerIdentity): number {
  if (transaction === null) return errorCode.INVALID_PRODUCER_ID_MAPPING;
  // It was told its next id before the end under the one before is everywhere.
  const isRotating = transaction.nextProducerId !== NO_PRODUCER_ID;
  if (isRotating && isSame(identityAfterEnd(transaction), identity)) return errorCode.CONCURRENT_TRANSACTIONS;
  if (transaction.producerId !== identity.producerId) return errorCode.INVALID_PRODUCER_ID_MAPPING;
  return transaction.producerEpoch === identity.producerEpoch ? errorCode.NONE : errorCode.PRODUCER_FENCED;
}

// ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export function decideEnd(transaction: Transaction | null, command: EndCommand, nowMs: number): Decision {
  return command.clientVersion >= 2
    ? decideBumpingEnd(transaction, command, nowMs)
    : decidePlainEnd(transaction, command, nowMs);
}

function decidePlainEnd(transaction: Transaction | null, command: EndCommand, nowMs: number): Decision {
  const error = identityError(transaction, command);
  if (transaction === null || error !== errorCode.NONE) return refuse(error);
  const { isCommit } = command;
  const { status, startMs } = transaction;
  if (status === 'Ongoing') return change(prepared(transaction, isCommit, 0, NO_PRODUCER_ID, startMs, nowMs));
  if (status === (isCommit ? 'CompleteCommit' : 'CompleteAbort')) return STAND;
  return refuse(errorOfLateEnd(transaction, isCommit));
}

function decideBumpingEnd(transaction: Transaction | null, command: EndCommand, nowMs: number): Decision {
  if (transaction === null) return refuse(errorCode.INVALID_PRODUCER_ID_MAPPING);
  const { status, producerId, producerEpoch } = transaction;
  if (isPrepared(status) && isSame(identityAfterEnd(transaction), command)) return refuse(errorCode.PRODUCER_FENCED);
  const isRotated = isAfterRotation(transaction, command);
  if (producerId !== command.producerId && !isRotated) return refuse(errorCode.INVALID_PRODUCER_ID_MAPPING);
  const isAgain = isRotated || (transaction.clientVersion >= 2 && producerEpoch === command.producerEpoch + 1);
  const isCurrent = !isRotated && producerEpoch === command.producerEpoch;
  if (isPrepared(status)) {
    return refuse(isAgain ? errorOfLateEnd(transaction, command.isCommit) : errorCode.PRODUCER_FENCED);
  }
  const isComplete = status === 'CompleteCommit' || status === 'CompleteAbort';
  if (!isCurrent && !(isComplete && isAgain)) return refuse(errorCode.PRODUCER_FENCED);
  if (isComplete && isAgain) {
    return status === (command.isCommit ? 'CompleteCommit' : 'CompleteAbort')
      ? STAND
      : refuse(errorCode.INVALID_TXN_STATE);
  }
  const isOngoing = status === 'Ongoing';
  if (!isOngoing && command.isCommit) return refuse(errorCode.INVALID_TXN_STATE);
  const rotates = isUsedUp(transaction);
  if (rotates && command.freshProducerId === null) return WANTS_ID;
  const nextProducerId = rotates ? (command.freshProducerId ?? NO_PRODUCER_ID) : NO_PRODUCER_ID;
  const startMs = isOngoing ? transaction.startMs : nowMs;
  return change(prepared(transaction, command.isCommit, command.clientVersion, nextProducerId, startMs, nowMs));
}

/** Whether the end that a client asks for is the one that gave it another id. */
function isAfterRotation(transaction: Transaction, { producerId, producerEpoch }: ProducerIdentity): boolean {
  const { previousProducerId, lastProducerEpoch, clientVersion } = transaction;
  if (clientVersion < 2 || transaction.producerEpoch !== 0 || transaction.producerId === producerId) return false;
  return previousProducerId === producerId && (producerEpoch === EPOCH_MAX - 1 || producerEpoch === lastProducerEpoch);
}

function isSame(one: ProducerIdentity, other: ProducerIdentity): boolean {
  return one.producerId === other.producerId && one.producerEpoch === other.producerEpoch;
}

function errorOfLateEnd({ status }: Transaction, isCommit: boolean): number {
  return status === (isCommit ? 'PrepareCommit' : 'PrepareAbort')
    ? errorCode.CONCURRENT_TRANSACTIONS
    : errorCode.INVALID_TXN_STATE;
}

// ── what nobody else would end ──────────────────────────────────────────────────────────────────────────────────────

/**
 * Logs hold a transaction open that is not known here, under the producer's present epoch: a loss of power took what was
 * written of it. It ends as if its producer had given it up, with whatever else was begun under that epoch, so that nobody
 * goes on in it.
 */
export function decideStray(transaction: Transaction | null, command: StrayCommand, nowMs: number): Decision {
  if (transaction === null || !isSame(transaction, command)) return STAND;
  const { status, partitions, startMs } = transaction;
  if (isPrepared(status)) return refuse(errorCode.CONCURRENT_TRANSACTIONS);
  const isOngoing = status === 'Ongoing';
  if (isOngoing && holdsAll(partitions, command.partitions)) return STAND;
  const whole = {
    ...transaction,
    partitions: united(partitions, command.partitions),
    startMs: isOngoing ? startMs : nowMs,
  };
  return fence(whole, command.freshProducerId, errorCode.NONE, nowMs);
}

/** Whether a producer's transaction under that epoch is known to have been committed: where each has an epoch of its own. */
export function wasCommitted(transaction: Transaction, identity: ProducerIdentity): boolean {
  if (transaction.status !== 'CompleteCommit' || transaction.clientVersion < 2) return false;
  if (isAfterRotation(transaction, identity)) return true;
  return transaction.producerId === identity.producerId && transaction.producerEpoch === identity.producerEpoch + 1;
}

/** Ends a transaction that took longer than its producer said it may. */
export function decideTimeout(
  transaction: Transaction | null,
  freshProducerId: number | null,
  nowMs: number,
): Decision {
  if (transaction === null || !isOverdue(transaction, nowMs)) return STAND;
  return fence(transaction, freshProducerId, errorCode.NONE, nowMs);
}

export function isOverdue({ status, startMs, timeoutMs }: Transaction, nowMs: number): boolean {
  return status === 'Ongoing' && startMs + timeoutMs < nowMs;
}

function prepared(
  transaction: Transaction,
  isCommit: boolean,
  clientVersion: ClientVersion,
  nextProducerId: number,
  startMs: number,
  nowMs: number,
): Transaction {
  const bumps = clientVersion >= 2;
  return {
    ...transaction,
    previousProducerId: transaction.producerId,
    nextProducerId,
    producerEpoch: bumps ? Math.min(transaction.producerEpoch + 1, EPOCH_MAX) : transaction.producerEpoch,
    lastProducerEpoch: bumps ? transaction.producerEpoch : transaction.lastProducerEpoch,
    status: isCommit ? 'PrepareCommit' : 'PrepareAbort',
    startMs,
    updatedMs: nowMs,
    clientVersion,
    // The next id is fresh; where it is read again after a loss of power, it may have been given out since.
    isDoubtful: transaction.isDoubtful && nextProducerId === NO_PRODUCER_ID,
  };
}

/** All markers are written. Where epochs ran out or were in doubt, the producer goes on under its next id. */
export function completed(transaction: Transaction, nowMs: number): Transaction {
  assert(isPrepared(transaction.status), 'only what is prepared is completed');
  const rotates = transaction.nextProducerId !== NO_PRODUCER_ID;
  return {
    ...transaction,
    ...identityAfterEnd(transaction),
    previousProducerId: transaction.producerId,
    nextProducerId: NO_PRODUCER_ID,
    // What is found prepared at a start says it by the epoch it grew to.
    lastProducerEpoch: rotates ? transaction.producerEpoch - 1 : transaction.lastProducerEpoch,
    status: transaction.status === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    partitions: NO_PARTITIONS,
    updatedMs: nowMs,
  };
}
