/**
 * Main's side of `produce-verification.ts`: reads a Produce where the front received it, and asks the transaction
 * coordinator whether its partitions are part of the producer's transaction. A producer of version 2 (Produce 12 and
 * later) adds them by writing; an older one has to have added them before.
 */
import type { Controller } from '../cluster/controller.ts';
import type { ProduceVerdict } from '../net/control-port.ts';
import type { Identity } from '../net/identity.ts';
import {
  BATCH_HEADER_BYTES,
  batchIsTransactional,
  batchMagic,
  batchProducerEpoch,
  batchProducerId,
  MAGIC,
} from '../protocol/batch.ts';
import { errorCode } from '../protocol/errors.ts';
import { ProduceCursor } from '../protocol/produce-cursor.ts';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import { isPartOf } from '../transactions/transaction-decisions.ts';

/** From here on the client knows TRANSACTION_ABORTABLE. */
const ABORTABLE_SINCE = 11;
/** From here on writing to a partition adds it to the transaction. */
const ADDING_SINCE = 12;
const CLIENT_VERSION = 2;

interface WrittenPartition {
  readonly entry: number;
  readonly topic: string;
  readonly partition: number;
}

interface ProduceFacts {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Batches of several producers in one transaction. */
  readonly isMixed: boolean;
  readonly partitions: readonly WrittenPartition[];
  /** Refused by the front already, unless rules have changed since; a transaction must not reach them. */
  readonly denied: ProduceVerdict['refusals'];
}

export type MayWrite = (topic: string, identity: Identity) => boolean;

export class ProduceVerifier {
  private readonly controller: Controller;
  private readonly coordinator: TransactionCoordinator;
  private readonly mayWrite: MayWrite;
  private readonly cursor = new ProduceCursor();

  constructor(controller: Controller, coordinator: TransactionCoordinator, mayWrite: MayWrite) {
    this.controller = controller;
    this.coordinator = coordinator;
    this.mayWrite = mayWrite;
  }

  /** Reads `body` before it waits for anything. */
  async verify(body: Uint8Array, version: number, identity: Identity): Promise<ProduceVerdict> {
    const facts = this.read(body, version, identity);
    if (facts.isMixed) return refused(errorCode.INVALID_PRODUCER_ID_MAPPING);
    return version >= ADDING_SINCE ? await this.add(facts) : await this.check(facts, version);
  }

  private async add({ transactionalId, partitions, denied, ...identity }: ProduceFacts): Promise<ProduceVerdict> {
    const sets = new Map<string, Set<number>>();
    for (const { topic, partition } of partitions) {
      const set = sets.get(topic) ?? new Set();
      sets.set(topic, set.add(partition));
    }
    const command = { ...identity, partitions: sets, clientVersion: CLIENT_VERSION } as const;
    const error = await this.coordinator.addSoon(transactionalId, command);
    if (error === errorCode.NONE) return { error, refusals: denied };
    // This client knows that it is to come again.
    return refused(error === errorCode.CONCURRENT_TRANSACTIONS ? error : errorForProducers(error));
  }

  private async check(facts: ProduceFacts, version: number): Promise<ProduceVerdict> {
    const { error, transaction } = await this.coordinator.verify(facts.transactionalId, facts);
    if (error !== errorCode.NONE || transaction === null) return refused(errorForProducers(error));
    const outside = version >= ABORTABLE_SINCE ? errorCode.TRANSACTION_ABORTABLE : errorCode.INVALID_TXN_STATE;
    const refusals = facts.partitions
      .filter(({ topic, partition }) => !isPartOf(transaction, topic, partition))
      .map(({ entry }) => ({ entry, error: outside }));
    return { error: errorCode.NONE, refusals: [...refusals, ...facts.denied] };
  }

  private read(body: Uint8Array, version: number, identity: Identity): ProduceFacts {
    const { cursor } = this;
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const partitions: WrittenPartition[] = [];
    const denied: { entry: number; error: number }[] = [];
    const facts = { transactionalId: '', producerId: -1, producerEpoch: -1, isMixed: false, partitions, denied };
    if (!cursor.begin(body, view, 0, body.length, version) || !cursor.validate()) return facts;
    if (cursor.transactionalIdLength > 0)
      facts.transactionalId = textAt(body, cursor.transactionalIdAt, cursor.transactionalIdLength);
    let entry = 0;
    while (cursor.nextTopic()) {
      const topic = this.topicName(body);
      const isDenied = topic !== null && !this.mayWrite(topic, identity);
      for (; cursor.nextPartition(); entry++) {
        if (!this.isTransactionalBatch(view)) continue;
        const producerId = batchProducerId(view, cursor.recordsAt);
        const producerEpoch = batchProducerEpoch(view, cursor.recordsAt);
        const isFirst = facts.producerId < 0;
        if (!isFirst && (facts.producerId !== producerId || facts.producerEpoch !== producerEpoch))
          facts.isMixed = true;
        facts.producerId = producerId;
        facts.producerEpoch = producerEpoch;
        // What does not exist was refused by the front.
        if (topic === null || this.controller.placeOf(topic, cursor.partition) === null) continue;
        if (isDenied) denied.push({ entry, error: errorCode.TOPIC_AUTHORIZATION_FAILED });
        else partitions.push({ entry, topic, partition: cursor.partition });
      }
    }
    return facts;
  }

  private isTransactionalBatch(view: DataView): boolean {
    const { recordsAt, recordsLength } = this.cursor;
    if (recordsLength < BATCH_HEADER_BYTES || batchMagic(view, recordsAt) !== MAGIC) return false;
    return batchIsTransactional(view, recordsAt);
  }

  private topicName(body: Uint8Array): string | null {
    const { cursor } = this;
    if (!cursor.hasTopicIds) return textAt(body, cursor.nameAt, cursor.nameLength);
    const id = Buffer.from(body.slice(cursor.topicIdAt, cursor.topicIdAt + 16)).toString('base64url');
    return this.controller.catalog.topicsById.get(id)?.name ?? null;
  }
}

function refused(error: number): ProduceVerdict {
  return { error, refusals: [] };
}

/** Codes that a producer would not expect here, in words that it knows: come again, or you are not the one any more. */
function errorForProducers(error: number): number {
  switch (error) {
    case errorCode.PRODUCER_FENCED:
      return errorCode.INVALID_PRODUCER_EPOCH;
    case errorCode.CONCURRENT_TRANSACTIONS:
    case errorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case errorCode.COORDINATOR_NOT_AVAILABLE:
    case errorCode.NOT_COORDINATOR:
      return errorCode.NOT_ENOUGH_REPLICAS;
    default:
      return error;
  }
}

function textAt(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.slice(at, at + length)).toString('utf8');
}
