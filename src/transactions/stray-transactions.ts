/**
 * Transactions that logs hold open and no coordinator knows of: strays. A loss of power may take the end of a log, each
 * log for itself, so what a coordinator wrote of a transaction may be gone where its records are not, or a marker where the
 * decision is not. Nobody would ever end them, and readers of committed records would stand still there. After a start they
 * are looked for and ended: committed where that is known to have been decided, else aborted, and in either case under an
 * epoch above that of their producer, so that nobody goes on in one.
 *
 * A transaction that is under way is known to its coordinator before the first of its records is in a log, and until after
 * its last marker is. So a stray is what a log holds open before and after nobody knew of it.
 */
import type { Alarms } from '../base/alarms.ts';
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import { errorCode } from '../protocol/errors.ts';
import type { ProducerFacts } from '../storage/producer-entry.ts';
import { EPOCH_MAX, hasPartition, isAtRest, type PartitionSets, type Transaction, united } from './transaction.ts';
import type { TransactionCoordinator } from './transaction-coordinator.ts';
import { wasCommitted } from './transaction-decisions.ts';
import type { MarkerWriter } from './transaction-markers.ts';

export interface LogPlace {
  readonly topic: string;
  readonly partition: number;
  /** Null: the log is not open (yet). */
  readonly hasOpen: boolean | null;
}

export interface StrayParts {
  /** All partitions, as they are now. */
  readonly places: () => Iterable<LogPlace>;
  /** Null: the log is not open, or takes nothing now, so that nobody knows what will be in it when it does again. */
  readonly producersOf: (topic: string, partition: number) => Promise<readonly ProducerFacts[] | null>;
  /** Whether the id is one that coordinators here gave to a producer. */
  readonly wasGivenOut: (producerId: number) => boolean;
  readonly coordinator: Pick<TransactionCoordinator, 'list' | 'endStray'>;
  readonly markers: Pick<MarkerWriter, 'write'>;
  readonly alarms: Alarms;
  readonly logger: Logger;
  readonly onFailure: (error: unknown) => void;
}

interface OpenPart extends ProducerFacts {
  readonly topic: string;
  readonly partition: number;
}

/** One transaction, wherever it is open. */
type Stray = readonly [OpenPart, ...OpenPart[]];

const WAIT_MS_MIN = 100;
const WAIT_MS_MAX = 60_000;
const TOLD_MAX = 20;

export class StrayTransactions {
  private readonly parts: StrayParts;
  private isStopped = false;
  private toldCount = 0;

  constructor(parts: StrayParts) {
    this.parts = parts;
  }

  /** Looks until every log and every coordinator was looked at, and what was found is ended. */
  start(): void {
    this.lookIn(WAIT_MS_MIN);
  }

  stop(): void {
    this.isStopped = true;
  }

  private lookIn(waitMs: number): void {
    const { alarms, onFailure } = this.parts;
    alarms.set(alarms.nowMs() + waitMs, () => {
      if (this.isStopped) return;
      this.look()
        .catch(laterAfterFault)
        .then((isDone) => {
          if (!isDone && !this.isStopped) this.lookIn(Math.min(2 * waitMs, WAIT_MS_MAX));
        })
        .catch(onFailure);
    });
  }

  /** Whether nothing is left to be looked at. */
  private async look(): Promise<boolean> {
    const { coordinator } = this.parts;
    if (coordinator.list() === null) return false;
    const places = [...this.parts.places()];
    const open: OpenPart[] = [];
    let isWhole = places.every(({ hasOpen }) => hasOpen !== null);
    for (const { topic, partition, hasOpen } of places) {
      if (hasOpen !== true) continue;
      const parts = await this.openIn(topic, partition);
      if (parts === null) isWhole = false;
      else open.push(...parts);
    }
    if (open.length === 0) return isWhole;
    const known = coordinator.list();
    if (known === null) return false;
    const byProducer = new Map(known.map((transaction) => [transaction.producerId, transaction]));
    const unknown = open.filter((part) => !isKnown(part, byProducer.get(part.producerId)));
    const still = await this.stillOpen(unknown);
    if (still === null) return false;
    const strays = byTransaction(still).filter((stray) => this.isOurs(stray));
    if (strays.length === 0) return isWhole;
    const byIdBefore = new Map(known.map((transaction) => [transaction.previousProducerId, transaction]));
    let areEnded = true;
    for (const stray of strays) {
      const { producerId } = stray[0];
      const transaction = byProducer.get(producerId) ?? byIdBefore.get(producerId) ?? null;
      if (!(await this.end(stray, transaction))) areEnded = false;
    }
    return isWhole && areEnded;
  }

  private async openIn(topic: string, partition: number): Promise<OpenPart[] | null> {
    const producers = await this.parts.producersOf(topic, partition);
    const open = producers?.filter(({ openFirstOffset }) => openFirstOffset >= 0);
    return open?.map((producer) => ({ ...producer, topic, partition })) ?? null;
  }

  private async stillOpen(parts: readonly OpenPart[]): Promise<OpenPart[] | null> {
    const still: OpenPart[] = [];
    for (const part of parts) {
      const now = await this.openIn(part.topic, part.partition);
      if (now === null) return null;
      if (now.some((other) => isSame(part, other))) still.push(part);
    }
    return still;
  }

  /** What others than our coordinators brought into a log is for people to judge. */
  private isOurs(stray: Stray): boolean {
    if (this.parts.wasGivenOut(stray[0].producerId)) return true;
    this.tell(stray, 'is of an id that was never given out here: it stays open until somebody aborts it');
    return false;
  }

  /** False: not now. */
  private async end(stray: Stray, transaction: Transaction | null): Promise<boolean> {
    const { producerId, producerEpoch } = stray[0];
    const isPresent = transaction?.producerId === producerId && transaction.producerEpoch === producerEpoch;
    const isCommit = transaction !== null && wasCommitted(transaction, stray[0]);
    this.tell(
      stray,
      isCommit ? 'was committed, and its marker is lost: it is written again' : 'is known to nobody: it is aborted',
    );
    if (transaction === null || !isPresent) return await this.endInLogs(stray, isCommit);
    // Somebody may go on under that epoch: only its coordinator can prevent it.
    const partitions = stray.reduce<PartitionSets>(
      (sets, { topic, partition }) => united(sets, new Map([[topic, new Set([partition])]])),
      new Map(),
    );
    const { transactionalId } = transaction;
    const error = await this.parts.coordinator.endStray(transactionalId, { producerId, producerEpoch, partitions });
    return error === errorCode.NONE;
  }

  private async endInLogs(stray: Stray, isCommit: boolean): Promise<boolean> {
    const codes: number[] = [];
    for (const { topic, partition, producerId, producerEpoch, coordinatorEpoch } of stray) {
      const bumpsEpoch = producerEpoch < EPOCH_MAX;
      const marker = {
        producerId,
        producerEpoch: bumpsEpoch ? producerEpoch + 1 : producerEpoch,
        isCommit,
        coordinatorEpoch: Math.max(0, coordinatorEpoch),
        bumpsEpoch,
      };
      codes.push(await this.parts.markers.write(topic, partition, marker));
    }
    // One that the log refuses has been ended meanwhile.
    return codes.every((code) => code === errorCode.NONE || code === errorCode.INVALID_PRODUCER_EPOCH);
  }

  private tell(stray: Stray, what: string): void {
    this.toldCount += 1;
    if (this.toldCount > TOLD_MAX) return;
    const [{ producerId, producerEpoch, topic, partition, openFirstOffset }] = stray;
    const others = stray.length > 1 ? ` and ${stray.length - 1} more` : '';
    const who = `a transaction of producer ${producerId} (epoch ${producerEpoch})`;
    const where = `open in ${topic}-${partition} since offset ${openFirstOffset}${others}`;
    this.parts.logger.warn(`${who}, ${where}, ${what}`);
    if (this.toldCount === TOLD_MAX) this.parts.logger.warn('more transactions like these are not told');
  }
}

/** A worker that has too much to do, or stops. */
function laterAfterFault(error: unknown): boolean {
  if (!isFault(error)) throw error;
  return false;
}

function isKnown({ topic, partition }: OpenPart, transaction: Transaction | undefined): boolean {
  if (transaction === undefined || isAtRest(transaction.status)) return false;
  return hasPartition(transaction.partitions, topic, partition);
}

function isSame(one: OpenPart, other: OpenPart): boolean {
  if (one.producerId !== other.producerId || one.producerEpoch !== other.producerEpoch) return false;
  return one.openFirstOffset === other.openFirstOffset;
}

function byTransaction(parts: readonly OpenPart[]): Stray[] {
  const strays = new Map<string, [OpenPart, ...OpenPart[]]>();
  for (const part of parts) {
    const key = `${part.producerId}/${part.producerEpoch}`;
    const stray = strays.get(key);
    if (stray === undefined) strays.set(key, [part]);
    else stray.push(part);
  }
  return [...strays.values()];
}
