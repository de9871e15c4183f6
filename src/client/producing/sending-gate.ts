/**
 * What stands between a batch that is ready and the request that carries it: whether the producer has an identity, whether
 * the partition may be written to. The dispatcher asks a `SendingGate` before each batch and reports what became of it.
 * Three bodies: none needed, idempotent (here), and transactions (`transaction.ts`).
 */
import { initProducerId } from '../../protocol/schemas/22-init-producer-id.ts';
import { checkAnswer } from '../answer-error.ts';
import { retrying } from '../backoff.ts';
import type { ClusterView } from '../metadata.ts';
import type { ProducerIdentity } from './producer-batch.ts';
import type { ProducerSettings } from './producer-options.ts';

export interface SendingGate {
  readonly isTransactional: boolean;
  readonly transactionalId: string | null;
  /** Batches carry sequences. */
  readonly isNumbered: boolean;
  /** The newest version of Produce that fits how the producer works. */
  readonly produceVersionMax: number;
  /** Null while there is none; asking sets off finding it, and `onOpen` of the constructor is called then. */
  identity(): ProducerIdentity | null;
  /** False while the partition may not be written to; asking sets off what is needed. */
  isOpenFor(topic: string, partition: number): boolean;
  /** A batch was lost for good in this identity's sequence. */
  batchLost(identity: ProducerIdentity | null, error: unknown): void;
}

export const openGate: SendingGate = {
  isTransactional: false,
  transactionalId: null,
  isNumbered: false,
  produceVersionMax: Number.POSITIVE_INFINITY,
  identity: () => null,
  isOpenFor: () => true,
  batchLost: () => {},
};

const EPOCH_MAX = 32_767;

export interface GateEvents {
  /** Something opened: look again. */
  readonly onOpen: () => void;
  /** The identity cannot be had: everything that waits fails with this. */
  readonly onFailure: (error: unknown) => void;
}

export class IdempotentGate implements SendingGate {
  readonly isTransactional = false;
  readonly transactionalId = null;
  readonly isNumbered = true;
  readonly produceVersionMax: number = Number.POSITIVE_INFINITY;
  readonly #cluster: ClusterView;
  readonly #settings: ProducerSettings;
  readonly #events: GateEvents;
  #identity: ProducerIdentity | null = null;
  #asking: Promise<void> | null = null;

  constructor(cluster: ClusterView, settings: ProducerSettings, events: GateEvents) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#events = events;
  }

  identity(): ProducerIdentity | null {
    if (this.#identity === null) this.#asking ??= this.#ask();
    return this.#identity;
  }

  isOpenFor(): boolean {
    return true;
  }

  /** A producer without transactions may raise its epoch by itself (KIP-360). */
  batchLost(identity: ProducerIdentity | null): void {
    if (identity === null || identity !== this.#identity) return;
    const { producerId, producerEpoch } = identity;
    this.#identity = producerEpoch < EPOCH_MAX ? { producerId, producerEpoch: producerEpoch + 1 } : null;
  }

  async #ask(): Promise<void> {
    const { blockMsMax, retryBackoffMs, retryBackoffMaxMs } = this.#settings;
    const options = { deadlineMs: Date.now() + blockMsMax, retryBackoffMs, retryBackoffMaxMs };
    try {
      this.#identity = await retrying('InitProducerId', options, async () => {
        const connection = await this.#cluster.anyConnection();
        const answer = await connection.request(initProducerId, {
          transactionalId: null,
          transactionTimeoutMs: this.#settings.transactionTimeoutMs,
        });
        checkAnswer(answer.errorCode, 'asking for a producer id');
        return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
      });
      this.#events.onOpen();
    } catch (error) {
      this.#events.onFailure(error);
    } finally {
      this.#asking = null;
    }
  }
}
