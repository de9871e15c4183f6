/**
 * The transactions of one partition of `__transaction_state`: read from its log when the partition is taken over, kept in
 * memory, and written down with every change. A change holds at once, so that the next command decides on it; it is told
 * to nobody before `durable` has resolved. What was decided (PrepareCommit, PrepareAbort) is carried to its end by the
 * shard itself, also what it finds so after a restart:
 *
 *   change(prepared) ─durable─> markers into all partitions ─all there─> change(completed)
 *
 * When a write of the log fails, nobody knows what is in it: all is forgotten and read anew.
 */
import type { Alarms } from '../base/alarms.ts';
import { assert } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import type { CoordinatorLog, EntryFacts } from '../cluster/coordinator-log.ts';
import { isPrepared, type Transaction } from './transaction.ts';
import { completed } from './transaction-decisions.ts';
import type { MarkerWriter } from './transaction-markers.ts';
import { decodeKey, decodeValue, encodeKey, encodeValue } from './transaction-records.ts';

export interface HeldTransaction {
  transaction: Transaction;
  /** Everything decided about it so far is written. */
  durable: Promise<void>;
  /** Resolves when its end has reached all partitions, or will not under this shard; null while nothing ends. */
  finishing: Promise<void> | null;
}

export interface ShardParts {
  readonly name: string;
  /** The leader epoch of the partition: markers say under which their transaction was decided. */
  readonly coordinatorEpoch: number;
  readonly openLog: () => CoordinatorLog;
  readonly markers: MarkerWriter;
  readonly alarms: Alarms;
  readonly logger: Logger;
  /** A bug: nobody waits for what happens after an answer. */
  readonly onFailure: (error: unknown) => void;
}

const RELOAD_MS = 1000;

export class TransactionShard {
  readonly held = new Map<string, HeldTransaction>();
  isReady = false;
  /** Characters of the ids held: they come from clients, and nothing else here is as long as a client likes. */
  idCharacters = 0;
  private readonly parts: ShardParts;
  private log: CoordinatorLog;
  private isStopped = false;

  constructor(parts: ShardParts) {
    this.parts = parts;
    this.log = parts.openLog();
  }

  /** Reads the log; tries again later when it cannot be read. */
  async load(): Promise<void> {
    try {
      this.clear();
      await this.log.load({
        entry: (key, value, facts) => this.replay(key, value, facts),
        marker: () => {},
        passedOver: () => {
          for (const held of this.held.values()) held.transaction = { ...held.transaction, isDoubtful: true };
        },
      });
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.logger.warn(`${this.parts.name} could not be read and is tried again: ${error.message}`);
      this.reloadLater();
      return;
    }
    if (this.isStopped) return;
    this.isReady = true;
    for (const held of this.held.values()) {
      if (isPrepared(held.transaction.status)) held.finishing = this.finish(held, held.transaction);
    }
  }

  stop(): void {
    this.isStopped = true;
    this.isReady = false;
  }

  find(transactionalId: string): HeldTransaction | null {
    return this.held.get(transactionalId) ?? null;
  }

  /** Resolves when it is durable; rejects with a Fault when the log is lost, and with it this state. */
  change(next: Transaction): Promise<void> {
    assert(this.isReady, 'a shard is changed when it is read');
    const value = encodeValue(next);
    const held = this.held.get(next.transactionalId) ?? this.enter(next);
    held.transaction = next;
    held.durable = this.write(next.transactionalId, value);
    if (isPrepared(next.status)) held.finishing = this.finish(held, next);
    return held.durable;
  }

  /** The id is forgotten. */
  remove(transactionalId: string): Promise<void> {
    assert(this.isReady, 'a shard is changed when it is read');
    this.drop(transactionalId);
    return this.write(transactionalId, null);
  }

  private enter(transaction: Transaction): HeldTransaction {
    const { transactionalId } = transaction;
    const held: HeldTransaction = { transaction, durable: Promise.resolve(), finishing: null };
    if (!this.held.has(transactionalId)) this.idCharacters += transactionalId.length;
    this.held.set(transactionalId, held);
    return held;
  }

  private drop(transactionalId: string): void {
    if (this.held.delete(transactionalId)) this.idCharacters -= transactionalId.length;
  }

  private clear(): void {
    this.held.clear();
    this.idCharacters = 0;
  }

  private write(transactionalId: string, value: Uint8Array | null): Promise<void> {
    const { log } = this;
    const written = log.append([{ key: encodeKey(transactionalId), value }]);
    written.catch((error: unknown) => {
      if (isFault(error)) this.lose(log);
      else this.parts.onFailure(error);
    });
    return written;
  }

  private async finish(held: HeldTransaction, prepared: Transaction): Promise<void> {
    const { log } = this;
    try {
      await held.durable;
      const isWanted = (): boolean => this.log === log && this.isReady;
      if (!(await this.parts.markers.end(prepared, this.parts.coordinatorEpoch, isWanted)) || !isWanted()) return;
      assert(held.transaction === prepared, 'nothing happens to a transaction between its decision and its end');
      held.finishing = null;
      await this.change(completed(prepared, Math.floor(this.parts.alarms.nowMs())));
    } catch (error) {
      if (!isFault(error)) this.parts.onFailure(error);
    }
  }

  /** All that hang on the failed log hear of it; the first one has the shard read again. */
  private lose(log: CoordinatorLog): void {
    if (this.log !== log || this.isStopped) return;
    this.isReady = false;
    this.clear();
    this.parts.logger.warn(`${this.parts.name} could not be written; its transactions are read anew`);
    this.reloadLater();
  }

  private reloadLater(): void {
    if (this.isStopped) return;
    this.log = this.parts.openLog();
    const { alarms } = this.parts;
    alarms.set(alarms.nowMs() + RELOAD_MS, () => {
      if (this.isStopped) return;
      this.load().catch((error: unknown) => this.parts.onFailure(error));
    });
  }

  /** A record that cannot be read is passed over, as Kafka does it: the others of the shard must not suffer. */
  private replay(key: Uint8Array, value: Uint8Array | null, { leaderEpoch }: EntryFacts): void {
    try {
      const transactionalId = decodeKey(key);
      if (transactionalId === null) return;
      if (value === null) this.drop(transactionalId);
      else this.enter(asFound(decodeValue(transactionalId, value), leaderEpoch < this.parts.coordinatorEpoch));
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.logger.warn(`${this.parts.name}: a record is passed over, ${error.message}`);
    }
  }
}

/** `isOfLifeBefore`: written before a start that followed no clean stop, so that what came after it may be lost. */
function asFound(transaction: Transaction, isOfLifeBefore: boolean): Transaction {
  return isOfLifeBefore ? { ...transaction, isDoubtful: true } : transaction;
}
