/**
 * The end of a transaction as control batches in all of its partitions. A marker that cannot be written now is tried
 * again until it is: a transaction whose end is decided has to end everywhere. Partitions of deleted topics are passed
 * over. Where a marker went into a partition of committed offsets, the owner of that partition's groups is told
 * afterwards.
 *
 * A marker is written a second time when a crash comes between the markers and the record that says that they are there;
 * a log takes the second one for the end of nothing.
 */
import type { Alarms } from '../base/alarms.ts';
import type { Logger } from '../base/logger.ts';
import { RateLimitedLog } from '../base/rate-limited-log.ts';
import { NO_SEQUENCE } from '../protocol/batch.ts';
import { BatchBuilder } from '../protocol/batch-builder.ts';
import { errorCode, errorName } from '../protocol/errors.ts';
import { EPOCH_MAX, type Transaction } from './transaction.ts';

export const OFFSETS_TOPIC = '__consumer_offsets';

export interface Marker {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isCommit: boolean;
  /** Of the coordinator that decided: a log refuses markers of an older one than it has seen. */
  readonly coordinatorEpoch: number;
  /** The epoch grew with the end: it is above that of the records. */
  readonly bumpsEpoch: boolean;
}

export interface MarkerParts {
  /** Appends one batch of the broker's own; a Kafka error code. */
  readonly append: (topic: string, partition: number, batch: Uint8Array, bumpsEpoch: boolean) => Promise<number>;
  /** False: there is no such partition (any more). */
  readonly exists: (topic: string, partition: number) => boolean;
  readonly onOffsetsMarker: (partition: number, marker: Marker) => Promise<void>;
  readonly crc32c: ConstructorParameters<typeof BatchBuilder>[0];
  readonly alarms: Alarms;
  readonly logger: Logger;
}

const VERSION = 0;
const KIND_ABORT = 0;
const KIND_COMMIT = 1;
const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1000;
const LOG_PERIOD_MS = 60_000;

export class MarkerWriter {
  private readonly parts: MarkerParts;
  private readonly troubles: RateLimitedLog;
  private isStopped = false;

  constructor(parts: MarkerParts) {
    this.parts = parts;
    this.troubles = new RateLimitedLog(parts.logger, parts.alarms, LOG_PERIOD_MS);
  }

  /** What could not be written yet is left to the next start. */
  stop(): void {
    this.isStopped = true;
  }

  /** True when the marker is in every partition; false when the broker stopped, or nobody wants it any more. */
  async end(transaction: Transaction, coordinatorEpoch: number, isWanted: () => boolean): Promise<boolean> {
    const { producerId, producerEpoch } = transaction;
    const isCommit = transaction.status === 'PrepareCommit';
    const bumpsEpoch = transaction.clientVersion >= 2 && producerEpoch < EPOCH_MAX;
    const marker = { producerId, producerEpoch, isCommit, coordinatorEpoch, bumpsEpoch };
    const writes: Promise<boolean>[] = [];
    for (const [topic, partitions] of transaction.partitions) {
      for (const partition of partitions) writes.push(this.writeUntilDone(topic, partition, marker, isWanted));
    }
    return (await Promise.all(writes)).every((isDone) => isDone);
  }

  /** One marker into one partition, once. A Kafka error code. */
  async write(topic: string, partition: number, marker: Marker): Promise<number> {
    const batch = this.batchOf(marker);
    const error = await this.parts.append(topic, partition, batch, marker.bumpsEpoch);
    if (error === errorCode.NONE && topic === OFFSETS_TOPIC) await this.parts.onOffsetsMarker(partition, marker);
    return error;
  }

  private async writeUntilDone(
    topic: string,
    partition: number,
    wanted: Marker,
    isWanted: () => boolean,
  ): Promise<boolean> {
    let marker = wanted;
    for (let waitMs = RETRY_MS_MIN; !this.isStopped && isWanted(); waitMs = Math.min(2 * waitMs, RETRY_MS_MAX)) {
      if (!this.parts.exists(topic, partition)) return true;
      const error = await this.write(topic, partition, marker);
      if (error === errorCode.NONE) return true;
      if (isOvertaken(error)) {
        if (marker === wanted) this.tellOvertaken(topic, partition, marker, error);
        const next = abortBehind(marker, error);
        if (next === null) return true;
        marker = next;
        continue;
      }
      // What passes by itself, a log that is being opened say, has passed by then.
      if (waitMs === RETRY_MS_MAX) this.tell(topic, partition, error);
      await this.pause(waitMs);
    }
    return false;
  }

  private tellOvertaken(topic: string, partition: number, { producerId, producerEpoch }: Marker, error: number): void {
    const which = `producer ${producerId} (epoch ${producerEpoch})`;
    this.parts.logger.warn(`${topic}-${partition} has seen more than the end of ${which}: ${errorName(error)}`);
  }

  private tell(topic: string, partition: number, error: number): void {
    const what = `the end of a transaction cannot be written into ${topic}-${partition}: ${errorName(error)}`;
    this.troubles.say(String(error), 'warn', `${what}; until it can be, readers of committed records wait there`);
  }

  private pause(waitMs: number): Promise<void> {
    const { alarms } = this.parts;
    return new Promise((resolve) => {
      alarms.set(alarms.nowMs() + waitMs, resolve);
    });
  }

  private batchOf({ producerId, producerEpoch, isCommit, coordinatorEpoch }: Marker): Uint8Array {
    const key = new Uint8Array(4);
    const keyView = new DataView(key.buffer);
    keyView.setInt16(0, VERSION);
    keyView.setInt16(2, isCommit ? KIND_COMMIT : KIND_ABORT);
    const value = new Uint8Array(6);
    const valueView = new DataView(value.buffer);
    valueView.setInt16(0, VERSION);
    valueView.setInt32(2, coordinatorEpoch);
    const builder = new BatchBuilder(this.parts.crc32c);
    builder.add({ key, value, timestamp: Math.floor(this.parts.alarms.nowMs()) });
    return builder.build({
      producerId,
      producerEpoch,
      baseSequence: NO_SEQUENCE,
      isTransactional: true,
      isControl: true,
    });
  }
}

/**
 * A log that has seen later transactions than its coordinator: a loss of power took what was written of them. What is open
 * of the last of them nobody else would end, and where each has an epoch of its own it can be told from the one that ends.
 * Null: nothing can be, or nobody knows.
 */
function abortBehind(marker: Marker, error: number): Marker | null {
  if (error !== errorCode.INVALID_PRODUCER_EPOCH || !marker.bumpsEpoch) return null;
  const producerEpoch = marker.producerEpoch + 1;
  return { ...marker, producerEpoch, isCommit: false, bumpsEpoch: producerEpoch < EPOCH_MAX };
}

/** This transaction has an end in the log already. */
function isOvertaken(error: number): boolean {
  return error === errorCode.INVALID_PRODUCER_EPOCH || error === errorCode.TRANSACTION_COORDINATOR_FENCED;
}
