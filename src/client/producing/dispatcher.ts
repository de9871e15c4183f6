/**
 * Brings batches from the partitions' queues to the brokers that lead them. One pass, `pump`, looks at every queue where
 * something waits, gathers what is ready by leader, and sends one request to each broker that has room; answers, lapsed
 * lingering and new knowledge about leaders set off the next pass. It decides what is tried again and what is lost; queues
 * keep the order, lanes do the sending, the gate says whether a producer may send at all.
 */
import { Fault } from '../../base/fault.ts';
import { errorCode, isRetriable } from '../../protocol/errors.ts';
import { AnswerError, mayRetry } from '../answer-error.ts';
import { backoffMs } from '../backoff.ts';
import type { ClusterView } from '../metadata.ts';
import { placeOf } from '../record.ts';
import { BrokerLane, type PartitionOutcome } from './broker-lane.ts';
import { PartitionQueue } from './partition-queue.ts';
import type { ProducerBatch } from './producer-batch.ts';
import type { ProducerSettings } from './producer-options.ts';
import type { SendingGate } from './sending-gate.ts';

export interface DispatcherEvents {
  /** A batch ended: `error` is null when it was stored. */
  readonly onEnd: (batch: ProducerBatch, error: unknown, unheardCount: number) => void;
  /** The memory line waits too; returns when it wants to be looked at again. */
  readonly expire: (nowMs: number) => number;
  /** Whoever waits for room wants batches to go, full or not. */
  readonly isHurried: () => boolean;
}

/** Codes that say that somebody else leads the partition now, or that it is not there. */
const LEADER_LOST: ReadonlySet<number> = new Set([
  errorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorCode.LEADER_NOT_AVAILABLE,
  errorCode.NOT_LEADER_OR_FOLLOWER,
  errorCode.REPLICA_NOT_AVAILABLE,
  errorCode.FENCED_LEADER_EPOCH,
  errorCode.UNKNOWN_LEADER_EPOCH,
  errorCode.UNKNOWN_TOPIC_ID,
  errorCode.KAFKA_STORAGE_ERROR,
]);
const SEQUENCE_REFUSED: ReadonlySet<number> = new Set([
  errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  errorCode.UNKNOWN_PRODUCER_ID,
  errorCode.INVALID_PRODUCER_EPOCH,
]);
const TIMER_MS_MAX = 60_000;
const LEARN_RETRY_MS = 100;

export class Dispatcher {
  readonly #cluster: ClusterView;
  readonly #settings: ProducerSettings;
  readonly #gate: SendingGate;
  readonly #events: DispatcherEvents;
  /** By topic, then by partition: looked up for every record, so without building a text for it. */
  readonly #queues = new Map<string, PartitionQueue[]>();
  readonly #active = new Set<PartitionQueue>();
  readonly #lanes = new Map<number, BrokerLane>();
  readonly #learning = new Set<string>();
  readonly #learnAtMs = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #isPumpDue = false;
  #isStopped = false;

  constructor(cluster: ClusterView, settings: ProducerSettings, gate: SendingGate, events: DispatcherEvents) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#gate = gate;
    this.#events = events;
  }

  queueOf(topic: string, partition: number): PartitionQueue {
    const known = this.#queues.get(topic);
    const queue = known?.[partition];
    if (queue !== undefined) return queue;
    const made = new PartitionQueue(topic, partition, {
      lingerMs: this.#settings.lingerMs,
      batchBytes: this.#settings.batchBytes,
      inFlightMax: this.#gate.isNumbered ? this.#settings.inFlightMax : Number.POSITIVE_INFINITY,
    });
    if (known === undefined) {
      const ofTopic: PartitionQueue[] = [];
      ofTopic[partition] = made;
      this.#queues.set(topic, ofTopic);
    } else known[partition] = made;
    return made;
  }

  /** Records were added to a queue; `isReady` when a batch of it need not wait any longer. */
  noteAdded(queue: PartitionQueue, isReady: boolean, nowMs: number): void {
    this.#active.add(queue);
    if (isReady || this.#settings.lingerMs === 0) this.soon();
    else this.#wakeAt(queue.readyAtMs(nowMs, false), nowMs);
  }

  /** Every batch that waits or is on its way. */
  unfinished(): ProducerBatch[] {
    return [...this.#active].flatMap((queue) => [...queue.waiting, ...queue.inFlight]);
  }

  /** Runs `pump` when the present task is over, so that what it adds goes together. */
  soon(): void {
    if (this.#isPumpDue || this.#isStopped) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.pump(Date.now());
    });
  }

  /** Loses all that waits; what is on its way still gets its answer. */
  failWaiting(error: unknown): void {
    for (const queue of this.#active) {
      for (const batch of queue.takeAllWaiting()) {
        if (batch.isSealed) queue.needsNewEpoch = true;
        this.#lose(queue, batch, error);
      }
    }
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  pump(nowMs: number): void {
    if (this.#isStopped) return;
    let wakeMs = this.#events.expire(nowMs);
    const isHurried = this.#events.isHurried();
    const ready = new Map<BrokerLane, PartitionQueue[]>();
    for (const queue of this.#active) {
      this.#expireQueue(queue, nowMs);
      if (queue.isEmpty) {
        this.#active.delete(queue);
        continue;
      }
      const readyMs = queue.readyAtMs(nowMs, isHurried);
      wakeMs = Math.min(wakeMs, readyMs > nowMs ? readyMs : Number.POSITIVE_INFINITY);
      if (queue.waiting[0] !== undefined) {
        wakeMs = Math.min(wakeMs, queue.waiting[0].createdMs + this.#settings.deliveryTimeoutMs);
      }
      if (readyMs > nowMs || !this.#mayGo(queue)) continue;
      const lane = this.#laneOf(queue, nowMs);
      if (lane === null) wakeMs = Math.min(wakeMs, nowMs + LEARN_RETRY_MS);
      else if (!lane.isOpen) wakeMs = Math.min(wakeMs, Math.max(nowMs + 1, lane.retryAtMs));
      else if (lane.hasRoom) ready.set(lane, [...(ready.get(lane) ?? []), queue]);
    }
    for (const [lane, queues] of ready) this.#sendOn(lane, queues, nowMs);
    this.#wakeAt(wakeMs, nowMs);
  }

  // ── who may go where ──────────────────────────────────────────────────────────────────────────────────────────────

  #mayGo(queue: PartitionQueue): boolean {
    const gate = this.#gate;
    if (!gate.isNumbered) return true;
    const identity = gate.identity();
    if (identity === null) return false;
    if (queue.identity !== identity) {
      // What was sent under the old identity is settled under it, unless its sequence is broken anyway.
      if (queue.inFlight.length > 0) return false;
      if (queue.needsNewEpoch) {
        for (const batch of queue.takeUncertain()) this.#lose(queue, batch, uncertain(batch));
      }
      if (!queue.hasNumbered || queue.needsNewEpoch) queue.adopt(identity);
      if (queue.waiting.length === 0) return false;
    }
    return gate.isOpenFor(queue.topic, queue.partition);
  }

  #laneOf(queue: PartitionQueue, nowMs: number): BrokerLane | null {
    const topic = this.#cluster.peek(queue.topic);
    const leaderId = topic?.partitions[queue.partition]?.leaderId ?? -1;
    if (topic === null || leaderId < 0) {
      this.#learn(queue.topic, nowMs);
      return null;
    }
    if (nowMs - topic.learnedAtMs > this.#settings.metadataAgeMsMax) this.#learn(queue.topic, nowMs);
    let lane = this.#lanes.get(leaderId);
    if (lane === undefined) {
      lane = new BrokerLane(leaderId, this.#cluster, this.#settings);
      this.#lanes.set(leaderId, lane);
    }
    if (!lane.isOpen) {
      lane.open(nowMs, (error) => {
        if (error !== null) this.#cluster.forget(queue.topic);
        this.soon();
      });
    }
    return lane;
  }

  #learn(topic: string, nowMs: number): void {
    if (this.#learning.has(topic) || (this.#learnAtMs.get(topic) ?? 0) > nowMs) return;
    this.#learning.add(topic);
    this.#learnAtMs.set(topic, nowMs + LEARN_RETRY_MS);
    this.#cluster
      .refresh([topic])
      .then(
        (code) => {
          if (code !== 0 && !isRetriable(code)) this.#loseTopic(topic, new AnswerError(code, `topic ${topic}`));
        },
        // The broker asked could not be reached: the batches wait for the next try, or for their own deadline.
        () => {},
      )
      .finally(() => {
        this.#learning.delete(topic);
        this.soon();
      });
  }

  // ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #sendOn(lane: BrokerLane, queues: readonly PartitionQueue[], nowMs: number): void {
    const { codec, level, requestBytesMax } = this.#settings;
    const { isTransactional } = this.#gate;
    let rest = queues;
    while (rest.length > 0 && lane.hasRoom) {
      const batches: ProducerBatch[] = [];
      const again: PartitionQueue[] = [];
      let bytes = 0;
      for (const queue of rest) {
        const size = queue.waiting[0]?.sizeBytes ?? 0;
        if (batches.length > 0 && bytes + size > requestBytesMax) {
          again.push(queue);
          continue;
        }
        const batch = queue.take({ codec, level, isTransactional });
        bytes += batch.sizeBytes;
        batches.push(batch);
        if (queue.readyAtMs(nowMs, this.#events.isHurried()) <= nowMs) again.push(queue);
      }
      rest = again;
      // The outcome of each batch is handled; nothing is left to reject.
      void this.#send(lane, batches);
    }
  }

  async #send(lane: BrokerLane, batches: readonly ProducerBatch[]): Promise<void> {
    const { transactionalId, produceVersionMax: versionMax } = this.#gate;
    let outcomes: ReadonlyMap<ProducerBatch, PartitionOutcome> | null = null;
    let failure: unknown = null;
    try {
      outcomes = await lane.send(batches, { transactionalId, versionMax });
    } catch (error) {
      failure = error;
    }
    const nowMs = Date.now();
    for (const batch of batches) {
      const queue = this.queueOf(batch.topic, batch.partition);
      queue.land(batch);
      if (outcomes === null) this.#settleLost(queue, batch, failure, nowMs);
      else this.#settle(queue, batch, outcomes.get(batch) ?? NO_OUTCOME, nowMs);
    }
    this.pump(nowMs);
  }

  // ── outcomes ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #settle(queue: PartitionQueue, batch: ProducerBatch, outcome: PartitionOutcome, nowMs: number): void {
    const code = outcome.errorCode;
    if (code === 0 || code === errorCode.DUPLICATE_SEQUENCE_NUMBER) {
      batch.complete(outcome.baseOffset, outcome.logAppendTimeMs);
      this.#events.onEnd(batch, null, 0);
      return;
    }
    const error = new AnswerError(code, `producing to ${placeOf(batch.topic, batch.partition)}`, outcome.errorMessage);
    if (code === errorCode.MESSAGE_TOO_LARGE && batch.count > 1) {
      queue.putParts(batch, batch.split());
      return;
    }
    if (LEADER_LOST.has(code)) this.#cluster.forget(batch.topic);
    if (isRetriable(code)) this.#retry(queue, batch, error, nowMs);
    else if (this.#gate.isNumbered && SEQUENCE_REFUSED.has(code)) this.#settleRefused(queue, batch, error, nowMs);
    else this.#loseForGood(queue, batch, error);
  }

  /**
   * A sequence is refused behind one that failed, which then goes first; else the sequence itself is broken. What may be
   * stored already is then lost rather than stored twice.
   */
  #settleRefused(queue: PartitionQueue, batch: ProducerBatch, error: AnswerError, nowMs: number): void {
    const isBehindAnother = queue.hasOlder(batch) || queue.needsNewEpoch;
    if (!isBehindAnother) {
      if (this.#gate.isTransactional || batch.isFateUnknown) {
        this.#loseForGood(queue, batch, batch.isFateUnknown ? uncertain(batch) : error);
        return;
      }
      this.#gate.batchLost(queue.identity, error);
      queue.needsNewEpoch = true;
    }
    this.#retry(queue, batch, error, nowMs);
  }

  #settleLost(queue: PartitionQueue, batch: ProducerBatch, failure: unknown, nowMs: number): void {
    if (!mayRetry(failure)) {
      this.#loseForGood(queue, batch, failure);
      return;
    }
    this.#cluster.forget(batch.topic);
    batch.isFateUnknown = true;
    this.#retry(queue, batch, failure, nowMs);
  }

  #retry(queue: PartitionQueue, batch: ProducerBatch, error: unknown, nowMs: number): void {
    if (nowMs - batch.createdMs >= this.#settings.deliveryTimeoutMs) {
      this.#loseForGood(queue, batch, late(batch, this.#settings.deliveryTimeoutMs, error));
      return;
    }
    queue.putBack(batch, nowMs + backoffMs(batch.attempts, this.#settings));
  }

  /** Its place in the sequence stays empty: the partition must go on in a new epoch. */
  #loseForGood(queue: PartitionQueue, batch: ProducerBatch, error: unknown): void {
    if (this.#gate.isNumbered) {
      this.#gate.batchLost(queue.identity, error);
      queue.needsNewEpoch = true;
    }
    this.#lose(queue, batch, error);
  }

  #lose(queue: PartitionQueue, batch: ProducerBatch, error: unknown): void {
    if (queue.isEmpty) this.#active.delete(queue);
    this.#events.onEnd(batch, error, batch.fail(error));
  }

  #loseTopic(topic: string, error: unknown): void {
    for (const queue of this.#active) {
      if (queue.topic !== topic) continue;
      for (const batch of queue.takeAllWaiting()) {
        if (batch.isSealed) this.#loseForGood(queue, batch, error);
        else this.#lose(queue, batch, error);
      }
    }
  }

  #expireQueue(queue: PartitionQueue, nowMs: number): void {
    const { deliveryTimeoutMs } = this.#settings;
    for (const batch of queue.takeExpired(nowMs - deliveryTimeoutMs)) {
      const error = late(batch, deliveryTimeoutMs, null);
      if (batch.isSealed) this.#loseForGood(queue, batch, error);
      else this.#lose(queue, batch, error);
    }
  }

  #wakeAt(dueMs: number, nowMs: number): void {
    if (dueMs === Number.POSITIVE_INFINITY || this.#isStopped) return;
    if (this.#timer !== null && this.#timerDueMs <= dueMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#timerDueMs = Number.POSITIVE_INFINITY;
        this.pump(Date.now());
      },
      Math.min(TIMER_MS_MAX, Math.max(0, Math.ceil(dueMs - nowMs))),
    );
  }
}

const NO_OUTCOME: PartitionOutcome = {
  errorCode: errorCode.UNKNOWN_SERVER_ERROR,
  errorMessage: 'the answer does not mention the partition',
  baseOffset: -1,
  logAppendTimeMs: -1,
};

function uncertain(batch: ProducerBatch): AnswerError {
  const what = `${batch.count} records for ${placeOf(batch.topic, batch.partition)}`;
  const why =
    'the answer was lost, and the broker cannot tell any more whether they are stored; look before sending them again';
  return new AnswerError(errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, what, why);
}

function late(batch: ProducerBatch, deliveryTimeoutMs: number, cause: unknown): Fault {
  const why = cause instanceof Error ? `; the last try: ${cause.message}` : '';
  const what = `${batch.count} records for ${placeOf(batch.topic, batch.partition)} were not stored within ${deliveryTimeoutMs} ms`;
  return new Fault('PB_TIMEOUT', `${what}${why}`, { cause });
}
