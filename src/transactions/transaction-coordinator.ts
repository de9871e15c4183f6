/**
 * The transaction coordinator: who may write under a transactional id, what its transaction comprises, and how it ends.
 * A transactional id belongs to a partition of `__transaction_state` and thereby to a shard; this broker has all of them.
 * Commands are decided by the pure functions of `transaction-decisions.ts`; this class finds the shard, hands in fresh
 * producer ids, waits until a change is durable, and looks after timeouts and expiry. Called by `apis/`; all errors of
 * its answers are Kafka's codes.
 */
import type { Alarms } from '../base/alarms.ts';
import { assert } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import { javaHashPartition } from '../base/java-hash.ts';
import type { Logger } from '../base/logger.ts';
import type { CoordinatorLog } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import {
  type ClientVersion,
  identityAfterEnd,
  isAtRest,
  isPrepared,
  NO_EPOCH,
  NO_PRODUCER_ID,
  type ProducerIdentity,
  type Transaction,
} from './transaction.ts';
import {
  type AddCommand,
  type Decision,
  decideAdd,
  decideEnd,
  decideInit,
  decideStray,
  decideTimeout,
  type EndCommand,
  isOverdue,
  type StrayCommand,
  verify,
} from './transaction-decisions.ts';
import { TransactionListing } from './transaction-listing.ts';
import type { MarkerWriter } from './transaction-markers.ts';
import { type HeldTransaction, TransactionShard } from './transaction-shard.ts';

export const TRANSACTION_TOPIC = '__transaction_state';

export interface CoordinatorSettings {
  readonly timeoutMaxMs: number;
  readonly abortCheckMs: number;
  readonly expiryCheckMs: number;
  readonly expiryMs: number;
}

export interface CoordinatorParts {
  /** Partitions of `__transaction_state`; 0 while there is no such topic. */
  readonly partitionCount: () => number;
  readonly leaderEpochOf: (partition: number) => number;
  readonly openLog: (partition: number) => CoordinatorLog;
  readonly ensureTopic: () => Promise<void>;
  readonly allocateProducerId: () => Promise<number>;
  readonly markers: MarkerWriter;
  readonly settings: () => CoordinatorSettings;
  readonly alarms: Alarms;
  readonly logger: Logger;
  readonly onFailure: (error: unknown) => void;
}

export interface InitRequest {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  readonly expected: ProducerIdentity | null;
}

export interface IdentityAnswer extends ProducerIdentity {
  readonly error: number;
}

export interface TransactionAnswer {
  readonly error: number;
  /** As it was when the answer was found; null: there is none, or nobody may know. */
  readonly transaction: Transaction | null;
}

/** A new transaction waits for the markers of the one before it this long, before the client is told to come again. */
const SETTLE_WAIT_MS = 100;
/** Each holds a few megabytes of its log while it loads. */
const LOADS_AT_ONCE = 4;
/** A log takes no more than so many writes at once, and there may be many more ids. */
const EXPIRED_AT_ONCE = 10_000;
/** What clients can make the broker remember: about half a gigabyte. Ids that rest for long are forgotten. */
const IDS_MAX = 1_000_000;
const ID_CHARACTERS_MAX = 128 << 20;

export class TransactionCoordinator {
  private readonly parts: CoordinatorParts;
  private readonly shards: TransactionShard[] = [];
  private readonly toLoad: TransactionShard[] = [];
  /** By transactional id: the fresh producer id that a command of it waits for. */
  private readonly idsToCome = new Map<string, Promise<number>>();
  private loading = 0;
  private isStopped = false;
  readonly listing: TransactionListing;

  constructor(parts: CoordinatorParts) {
    this.parts = parts;
    const { alarms } = parts;
    this.listing = new TransactionListing(() => new Promise((resolve) => alarms.set(alarms.nowMs() + 1, resolve)));
  }

  /** Reads what the last run left, in the background. */
  start(): void {
    this.openShards();
    this.repeat(
      () => this.parts.settings().abortCheckMs,
      () => this.abortTimedOut(),
    );
    this.repeat(
      () => this.parts.settings().expiryCheckMs,
      () => this.expire(),
    );
  }

  stop(): void {
    this.isStopped = true;
    this.parts.markers.stop();
    for (const shard of this.shards) shard.stop();
  }

  /** The topic was deleted, and with it all that its shards knew. */
  forgetAll(): void {
    for (const shard of this.shards) shard.stop();
    this.shards.length = 0;
    this.toLoad.length = 0;
  }

  /** Makes the topic when it is missing. An error code: what FindCoordinator says about a transactional id. */
  async find(): Promise<number> {
    if (this.parts.partitionCount() === 0) await this.parts.ensureTopic();
    this.openShards();
    return this.shards.length === 0 ? errorCode.COORDINATOR_NOT_AVAILABLE : errorCode.NONE;
  }

  // ── what producers ask for ────────────────────────────────────────────────────────────────────────────────────────

  async init({ transactionalId, timeoutMs, expected }: InitRequest): Promise<IdentityAnswer> {
    if (transactionalId === '') return identityRefused(errorCode.INVALID_REQUEST);
    if (timeoutMs <= 0 || timeoutMs > this.parts.settings().timeoutMaxMs) {
      return identityRefused(errorCode.INVALID_TRANSACTION_TIMEOUT);
    }
    const { error, transaction } = await this.step(transactionalId, (current, freshProducerId, nowMs) => {
      if (current === null && this.isFull) return { kind: 'refuse', error: errorCode.POLICY_VIOLATION };
      return decideInit(current, { transactionalId, timeoutMs, expected, freshProducerId }, nowMs);
    });
    if (error !== errorCode.NONE || transaction === null) return identityRefused(error);
    return { error, producerId: transaction.producerId, producerEpoch: transaction.producerEpoch };
  }

  async add(transactionalId: string, command: AddCommand): Promise<number> {
    if (transactionalId === '') return errorCode.INVALID_REQUEST;
    const { error } = await this.step(transactionalId, (current, _id, nowMs) => decideAdd(current, command, nowMs));
    return error;
  }

  /** As `add`, for a batch that waits to be written: gives the transaction before it a moment to end. */
  async addSoon(transactionalId: string, command: AddCommand): Promise<number> {
    const error = await this.add(transactionalId, command);
    if (error !== errorCode.CONCURRENT_TRANSACTIONS) return error;
    await this.settled(transactionalId);
    return await this.add(transactionalId, command);
  }

  /** Whether the producer's transaction is as it says; its partitions are in the answer. */
  async verify(transactionalId: string, identity: ProducerIdentity): Promise<TransactionAnswer> {
    if (transactionalId === '') return { error: errorCode.INVALID_REQUEST, transaction: null };
    return await this.step(transactionalId, (current) => {
      const error = verify(current, identity);
      return error === errorCode.NONE ? { kind: 'stand' } : { kind: 'refuse', error };
    });
  }

  /** Whether a transaction that `verify` told of goes on. While its shard is read anew nothing ends there. */
  isStillOpen({ transactionalId, producerId, producerEpoch, startMs }: Transaction): boolean {
    const shard = this.shardOf(transactionalId);
    if (shard === null || !shard.isReady) return true;
    const now = shard.find(transactionalId)?.transaction ?? null;
    if (now === null || now.status !== 'Ongoing' || now.startMs !== startMs) return false;
    return now.producerId === producerId && now.producerEpoch === producerEpoch;
  }

  async end(
    transactionalId: string,
    command: ProducerIdentity & { readonly isCommit: boolean; readonly clientVersion: ClientVersion },
  ): Promise<IdentityAnswer> {
    if (transactionalId === '') return identityRefused(errorCode.INVALID_REQUEST);
    // The producer has the epoch of its next transaction already, and ends that before the one before it has its markers:
    // nothing was written in it. Kafka fences it, though nobody took its place; a moment later there is nothing to refuse.
    if (this.isAheadOfMarkers(transactionalId, command)) await this.settled(transactionalId);
    const { error, transaction } = await this.step(transactionalId, (current, freshProducerId, nowMs) => {
      const full: EndCommand = { ...command, freshProducerId };
      return decideEnd(current, full, nowMs);
    });
    if (error !== errorCode.NONE || transaction === null) return identityRefused(error);
    return { error, ...identityAfterEnd(transaction) };
  }

  /** What logs hold open under this identity and no coordinator knows of (any more). A Kafka error code. */
  async endStray(transactionalId: string, command: Omit<StrayCommand, 'freshProducerId'>): Promise<number> {
    const { error } = await this.step(transactionalId, (current, freshProducerId, nowMs) =>
      decideStray(current, { ...command, freshProducerId }, nowMs),
    );
    return error;
  }

  // ── what people ask for ───────────────────────────────────────────────────────────────────────────────────────────

  async describe(transactionalId: string): Promise<TransactionAnswer> {
    if (transactionalId === '') return { error: errorCode.INVALID_REQUEST, transaction: null };
    return await this.step(transactionalId, (current) =>
      current === null ? { kind: 'refuse', error: errorCode.TRANSACTIONAL_ID_NOT_FOUND } : { kind: 'stand' },
    );
  }

  /** Null while some shard is still being read. */
  list(): Transaction[] | null {
    this.openShards();
    if (this.shards.some((shard) => !shard.isReady)) return null;
    return this.shards.flatMap((shard) => [...shard.held.values()].map(({ transaction }) => transaction));
  }

  // ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async abortTimedOut(): Promise<void> {
    const { nowMs } = this;
    for (const shard of this.shards) {
      if (!shard.isReady) continue;
      const overdue: Promise<unknown>[] = [];
      for (const { transaction } of shard.held.values()) {
        if (!isOverdue(transaction, nowMs)) continue;
        const { transactionalId, timeoutMs } = transaction;
        this.parts.logger.info(`the transaction of ${transactionalId} took longer than ${timeoutMs} ms and is aborted`);
        overdue.push(this.step(transactionalId, (current, id, stepMs) => decideTimeout(current, id, stepMs)));
      }
      await Promise.all(overdue);
    }
  }

  private async expire(): Promise<void> {
    const limitMs = this.nowMs - this.parts.settings().expiryMs;
    for (const shard of this.shards) {
      if (!shard.isReady) continue;
      const isOver = (id: string): boolean => {
        const transaction = shard.find(id)?.transaction;
        return transaction !== undefined && isAtRest(transaction.status) && transaction.updatedMs <= limitMs;
      };
      const ids = [...shard.held.keys()].filter(isOver);
      for (let at = 0; at < ids.length && shard.isReady; at += EXPIRED_AT_ONCE) {
        const removed = ids.slice(at, at + EXPIRED_AT_ONCE).filter(isOver);
        await Promise.all(removed.map((id) => shard.remove(id)));
      }
    }
  }

  private repeat(everyMs: () => number, work: () => Promise<void>): void {
    const { alarms } = this.parts;
    alarms.set(alarms.nowMs() + everyMs(), () => {
      if (this.isStopped) return;
      this.repeat(everyMs, work);
      work().catch((error: unknown) => {
        // The shard of a lost log reads itself anew, and what was to be done comes up again.
        if (!isFault(error)) this.parts.onFailure(error);
      });
    });
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whole milliseconds, as records hold them. */
  private get nowMs(): number {
    return Math.floor(this.parts.alarms.nowMs());
  }

  private get isFull(): boolean {
    let ids = 0;
    let characters = 0;
    for (const shard of this.shards) {
      ids += shard.held.size;
      characters += shard.idCharacters;
    }
    return ids >= IDS_MAX || characters >= ID_CHARACTERS_MAX;
  }

  private openShards(): void {
    if (this.isStopped) return;
    const count = this.parts.partitionCount();
    for (let partition = this.shards.length; partition < count; partition++) {
      const shard = new TransactionShard({
        ...this.parts,
        name: `${TRANSACTION_TOPIC}-${partition}`,
        coordinatorEpoch: this.parts.leaderEpochOf(partition),
        openLog: () => this.parts.openLog(partition),
      });
      this.shards.push(shard);
      this.toLoad.push(shard);
    }
    this.loadMore();
  }

  private loadMore(): void {
    while (this.loading < LOADS_AT_ONCE) {
      const shard = this.toLoad.shift();
      if (shard === undefined) return;
      this.loading += 1;
      shard.load().then(
        () => {
          this.loading -= 1;
          this.loadMore();
        },
        (error: unknown) => this.parts.onFailure(error),
      );
    }
  }

  /** Null: nobody coordinates anything here yet. */
  private shardOf(transactionalId: string): TransactionShard | null {
    this.openShards();
    if (this.shards.length === 0) return null;
    return this.shards[javaHashPartition(transactionalId, this.shards.length)] ?? null;
  }

  /**
   * Commands of an id are decided in the order in which they come. One that waits for a fresh producer id is not overtaken:
   * else a client that lost its connection and asks again would have its answer, and then be fenced by what it asked before.
   */
  private async step(
    transactionalId: string,
    decide: (current: Transaction | null, freshProducerId: number | null, nowMs: number) => Decision,
  ): Promise<TransactionAnswer> {
    let freshProducerId: number | null = null;
    for (;;) {
      const ahead = this.idsToCome.get(transactionalId);
      if (ahead !== undefined) {
        // Where it fails, the one that asked for it is told.
        await ahead.catch(() => undefined);
        continue;
      }
      const shard = this.shardOf(transactionalId);
      if (shard === null) return { error: errorCode.NOT_COORDINATOR, transaction: null };
      if (!shard.isReady) return { error: errorCode.COORDINATOR_LOAD_IN_PROGRESS, transaction: null };
      const held = shard.find(transactionalId);
      const decision = decide(held?.transaction ?? null, freshProducerId, this.nowMs);
      if (decision.kind !== 'wants-producer-id') return await this.carryOut(shard, held, decision);
      assert(freshProducerId === null, 'a fresh producer id is asked for once');
      const toCome = this.parts.allocateProducerId();
      this.idsToCome.set(transactionalId, toCome);
      try {
        freshProducerId = await toCome;
      } finally {
        this.idsToCome.delete(transactionalId);
      }
    }
  }

  private async carryOut(
    shard: TransactionShard,
    held: HeldTransaction | null,
    decision: Exclude<Decision, { kind: 'wants-producer-id' }>,
  ): Promise<TransactionAnswer> {
    const current = held?.transaction ?? null;
    if (decision.kind === 'refuse') return { error: decision.error, transaction: current };
    try {
      if (decision.kind === 'stand') {
        await held?.durable;
        return { error: errorCode.NONE, transaction: current };
      }
      await shard.change(decision.next);
      return { error: decision.error, transaction: decision.next };
    } catch (error) {
      if (!isFault(error)) throw error;
      return { error: errorCode.COORDINATOR_NOT_AVAILABLE, transaction: null };
    }
  }

  private isAheadOfMarkers(
    transactionalId: string,
    { producerId, producerEpoch, clientVersion }: ProducerIdentity & { readonly clientVersion: ClientVersion },
  ): boolean {
    if (clientVersion < 2) return false;
    const transaction = this.shardOf(transactionalId)?.find(transactionalId)?.transaction ?? null;
    if (transaction === null || !isPrepared(transaction.status)) return false;
    const after = identityAfterEnd(transaction);
    return after.producerId === producerId && after.producerEpoch === producerEpoch;
  }

  private async settled(transactionalId: string): Promise<void> {
    const held = this.shardOf(transactionalId)?.find(transactionalId) ?? null;
    if (held === null || held.finishing === null || !isPrepared(held.transaction.status)) return;
    const { alarms } = this.parts;
    const { finishing } = held;
    await new Promise<void>((resolve) => {
      const alarm = alarms.set(alarms.nowMs() + SETTLE_WAIT_MS, resolve);
      finishing.then(() => {
        alarm.cancel();
        resolve();
      }, this.parts.onFailure);
    });
  }
}

function identityRefused(error: number): IdentityAnswer {
  return { error, producerId: NO_PRODUCER_ID, producerEpoch: NO_EPOCH };
}
