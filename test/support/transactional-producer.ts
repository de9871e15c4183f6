/**
 * A transactional producer of the broker in one thread, by hand: every step is one request, and its error code is what a
 * test looks at. `version` 1 is a producer of the time before KIP-890, 2 one that knows `transaction.version` 2.
 */
import { must } from '../../src/base/assert.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { initProducerId } from '../../src/protocol/schemas/22-init-producer-id.ts';
import { addPartitionsToTxn } from '../../src/protocol/schemas/24-add-partitions-to-txn.ts';
import { addOffsetsToTxn } from '../../src/protocol/schemas/25-add-offsets-to-txn.ts';
import { endTxn } from '../../src/protocol/schemas/26-end-txn.ts';
import { txnOffsetCommit } from '../../src/protocol/schemas/28-txn-offset-commit.ts';
import type { SimulatedClient } from './simulated-client.ts';
import {
  type BatchWish,
  batchOf,
  onlyPartition,
  type ProducedPartition,
  produceRequest,
  type Topic,
} from './simulated-deeds.ts';

const INIT_VERSION = 5;
const ADD_VERSION = 3;
const PRODUCE_VERSIONS = { 1: 11, 2: 12 } as const;
const END_VERSIONS = { 1: 4, 2: 5 } as const;

export interface InitWish {
  readonly timeoutMs?: number;
  readonly expected?: { readonly producerId: number; readonly producerEpoch: number };
  readonly version?: number;
}

export class TransactionalProducer {
  readonly transactionalId: string;
  readonly version: 1 | 2;
  client: SimulatedClient;
  producerId = -1;
  producerEpoch = -1;
  /** Next sequence by "topic-partition". */
  private readonly sequences = new Map<string, number>();

  constructor(client: SimulatedClient, transactionalId: string, version: 1 | 2) {
    this.client = client;
    this.transactionalId = transactionalId;
    this.version = version;
  }

  /** With a coordinator found and an id taken. */
  static async begin(client: SimulatedClient, transactionalId: string, version: 1 | 2): Promise<TransactionalProducer> {
    const producer = new TransactionalProducer(client, transactionalId, version);
    await producer.find();
    const code = await producer.init();
    if (code !== 0) throw new Error(`${transactionalId} was not initialised: ${code}`);
    return producer;
  }

  async find(): Promise<number> {
    const wish = { keyType: 1, coordinatorKeys: [this.transactionalId] };
    const { coordinators } = await this.client.ask(findCoordinator, 4, wish);
    return must(coordinators[0], 'a key is answered').errorCode;
  }

  async init({ timeoutMs = 60_000, expected, version = INIT_VERSION }: InitWish = {}): Promise<number> {
    const answer = await this.client.ask(initProducerId, version, {
      transactionalId: this.transactionalId,
      transactionTimeoutMs: timeoutMs,
      ...(expected ?? {}),
    });
    if (answer.errorCode === 0) this.take(answer);
    return answer.errorCode;
  }

  async add(topic: Topic, partitions: readonly number[], version = ADD_VERSION): Promise<number[]> {
    const answer = await this.client.ask(addPartitionsToTxn, version, {
      transactions: [],
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.producerEpoch,
      v3AndBelowTopics: [{ name: topic.name, partitions }],
    });
    const results = answer.resultsByTopicV3AndBelow[0]?.resultsByPartition ?? [];
    return results.map(({ partitionErrorCode }) => partitionErrorCode);
  }

  /** A batch of the transaction; its sequence goes up when it was taken. */
  async send(topic: Topic, partition = 0, wish: BatchWish = {}): Promise<ProducedPartition> {
    this.write(topic, partition, wish);
    return await this.sent(topic, partition, wish.count ?? 1);
  }

  /** Writes the request and does not wait. */
  write(topic: Topic, partition: number, wish: BatchWish = {}, sequence = this.sequenceOf(topic, partition)): void {
    const records = batchOf({
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence: sequence,
      isTransactional: true,
      ...wish,
    });
    const version = PRODUCE_VERSIONS[this.version];
    const request = produceRequest(topic, [{ partition, records }], { version });
    this.client.send(produce, version, { ...request, transactionalId: this.transactionalId });
  }

  receive(): ProducedPartition {
    return onlyPartition(this.client.receive(produce, PRODUCE_VERSIONS[this.version]));
  }

  /** What a producer of its version does before it writes to a partition of a transaction for the first time. */
  async enter(topic: Topic, partition = 0): Promise<void> {
    if (this.version === 2) return;
    const codes = await this.add(topic, [partition]);
    if (codes[0] !== 0) throw new Error(`${topic.name}-${partition} was not added: ${codes[0]}`);
  }

  /** Has the topic of groups made. */
  async findGroup(groupId: string): Promise<void> {
    await this.client.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: [groupId] });
  }

  /** Offsets of partition 0 as part of the transaction; with `isAdded` AddOffsetsToTxn comes before. */
  async commitOffset(
    groupId: string,
    topic: Topic,
    committedOffset: number,
    wish: { readonly isAdded?: boolean; readonly memberId?: string; readonly generationId?: number } = {},
  ): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = this;
    const identity = { transactionalId, producerId, producerEpoch, groupId };
    if (wish.isAdded === true) {
      const added = await this.client.ask(addOffsetsToTxn, 3, identity);
      if (added.errorCode !== 0) return added.errorCode;
    }
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: '' }];
    const { isAdded: _isAdded, ...member } = wish;
    const request = { ...identity, ...member, topics: [{ name: topic.name, partitions }] };
    const version = this.version === 2 ? 5 : 3;
    return onlyPartition(await this.client.ask(txnOffsetCommit, version, request)).errorCode;
  }

  async end(isCommit: boolean, version: number = END_VERSIONS[this.version]): Promise<number> {
    const answer = await this.client.ask(endTxn, version, {
      transactionalId: this.transactionalId,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      committed: isCommit,
    });
    if (answer.errorCode === 0 && version >= END_VERSIONS[2]) this.take(answer);
    return answer.errorCode;
  }

  private async sent(topic: Topic, partition: number, count: number): Promise<ProducedPartition> {
    await this.client.broker.settle();
    const answer = this.receive();
    if (answer.errorCode === 0) this.sequences.set(keyOf(topic, partition), this.sequenceOf(topic, partition) + count);
    return answer;
  }

  private sequenceOf(topic: Topic, partition: number): number {
    return this.sequences.get(keyOf(topic, partition)) ?? 0;
  }

  private take({ producerId, producerEpoch }: { readonly producerId: number; readonly producerEpoch: number }): void {
    const isNew = producerId !== this.producerId || producerEpoch !== this.producerEpoch;
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    if (isNew) this.sequences.clear();
  }
}

function keyOf(topic: Topic, partition: number): string {
  return `${topic.name}-${partition}`;
}
