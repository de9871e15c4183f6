/**
 * What tests of the broker in one thread ask for most: topics, batches, one partition to produce to or to fetch from,
 * and the records in what came back. Everything goes over the wire.
 */
import { must } from '../../src/base/assert.ts';
import type { RequestInputOf, ResponseOf } from '../../src/protocol/api.ts';
import { type BatchMemory, batchBytes } from '../../src/protocol/batch.ts';
import { BatchBuilder, type BatchOptions } from '../../src/protocol/batch-builder.ts';
import { type BatchRecord, memoryOver, readBatch } from '../../src/protocol/records.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import { FAKE_START_MS } from './fake-clock.ts';
import type { SimulatedClient } from './simulated-client.ts';

export const PRODUCE_VERSION = 9;
export const FETCH_VERSION = 12;
const INFLATED_MAX = 16 << 20;

export interface Topic {
  readonly name: string;
  /** base64url. */
  readonly id: string;
}

export interface BatchWish extends BatchOptions {
  readonly count?: number;
  readonly valueBytes?: number;
  readonly timestamps?: readonly number[];
  readonly keys?: readonly (string | null)[];
  /** Tells batches apart: the byte that values are filled with. */
  readonly fill?: number;
}

const crcOfPlain = (memory: BatchMemory, at: number, length: number): number =>
  crc32cInTypeScript({ ...memory, address: 0 }, at, length);

export function batchOf(wish: BatchWish = {}): Uint8Array<ArrayBuffer> {
  const builder = new BatchBuilder(crcOfPlain, wish);
  const timestamps = wish.timestamps ?? Array.from({ length: wish.count ?? 1 }, (_, index) => FAKE_START_MS + index);
  timestamps.forEach((timestamp, index) => {
    const key = wish.keys?.[index] ?? null;
    const value = new Uint8Array(wish.valueBytes ?? 20).fill(wish.fill ?? 0x61);
    builder.add({ key: key === null ? null : new TextEncoder().encode(key), value, timestamp });
  });
  return builder.build();
}

/** Makes a batch's checksum right again after a test changed its header. */
export function reseal(batch: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  view.setUint32(17, crcOfPlain(memoryOver(batch), 21, batch.length - 21));
  return batch;
}

export async function createTopic(
  client: SimulatedClient,
  name: string,
  options: { readonly partitions?: number; readonly configs?: { readonly [key: string]: string } } = {},
): Promise<Topic> {
  const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }));
  const answer = await client.ask(createTopics, 7, {
    topics: [{ name, numPartitions: options.partitions ?? 1, replicationFactor: 1, assignments: [], configs }],
  });
  const topic = must(answer.topics[0], 'a topic that was asked for is answered');
  if (topic.errorCode !== 0) throw new Error(`topic ${name}: ${topic.errorCode} ${topic.errorMessage}`);
  return { name, id: topic.topicId };
}

export type ProducedPartition = ResponseOf<typeof produce>['topics'][number]['partitions'][number];
export type FetchedPartition = ResponseOf<typeof fetch>['topics'][number]['partitions'][number];

export function produceRequest(
  topic: Topic,
  parts: readonly { readonly partition: number; readonly records: Uint8Array | null }[],
  options: { readonly version?: number; readonly acks?: number } = {},
): RequestInputOf<typeof produce> {
  const partitions = parts.map(({ partition, records }) => ({ partitionIndex: partition, records }));
  const naming = (options.version ?? PRODUCE_VERSION) >= 13 ? { topicId: topic.id } : { name: topic.name };
  return { acks: options.acks ?? -1, timeoutMs: 1000, topics: [{ ...naming, partitions }] };
}

/** One batch to one partition. */
export async function produceTo(
  client: SimulatedClient,
  topic: Topic,
  records: Uint8Array | null,
  options: { readonly partition?: number; readonly version?: number; readonly acks?: number } = {},
): Promise<ProducedPartition> {
  const version = options.version ?? PRODUCE_VERSION;
  const request = produceRequest(topic, [{ partition: options.partition ?? 0, records }], options);
  return onlyPartition(await client.ask(produce, version, request));
}

export interface FetchWish {
  readonly partition?: number;
  readonly offset: number;
  readonly bytesMax?: number;
  readonly epoch?: number;
}

export function fetchRequest(
  topic: Topic,
  wishes: readonly FetchWish[],
  options: { readonly version?: number } & Partial<RequestInputOf<typeof fetch>> = {},
): RequestInputOf<typeof fetch> {
  const { version, ...more } = options;
  const naming = (version ?? FETCH_VERSION) >= 13 ? { topicId: topic.id } : { name: topic.name };
  const partitions = wishes.map((wish) => ({
    partitionIndex: wish.partition ?? 0,
    fetchOffset: wish.offset,
    partitionMaxBytes: wish.bytesMax ?? 1 << 20,
    currentLeaderEpoch: wish.epoch ?? -1,
  }));
  return { maxWaitMs: 0, minBytes: 1, topics: [{ ...naming, partitions }], ...more };
}

export async function fetchFrom(
  client: SimulatedClient,
  topic: Topic,
  offset: number,
  options: { readonly version?: number; readonly partition?: number } & Partial<RequestInputOf<typeof fetch>> = {},
): Promise<FetchedPartition> {
  const { partition, ...more } = options;
  const version = options.version ?? FETCH_VERSION;
  const wish = { offset, partition: partition ?? 0 };
  return onlyPartition(await client.ask(fetch, version, fetchRequest(topic, [wish], { ...more, version })));
}

/** ListOffsets of one partition. */
export async function offsetOf(
  client: SimulatedClient,
  topic: Topic,
  timestamp: number,
  options: { readonly partition?: number; readonly version?: number; readonly isolationLevel?: number } = {},
): Promise<ResponseOf<typeof listOffsets>['topics'][number]['partitions'][number]> {
  const partitions = [{ partitionIndex: options.partition ?? 0, timestamp }];
  const version = options.version ?? 7;
  const isolationLevel = options.isolationLevel ?? 0;
  return onlyPartition(
    await client.ask(listOffsets, version, { isolationLevel, topics: [{ name: topic.name, partitions }] }),
  );
}

export function onlyPartition<P>(response: { readonly topics: readonly { readonly partitions: readonly P[] }[] }): P {
  return must(response.topics[0]?.partitions[0], 'a partition that was asked for is answered');
}

/** The batches in fetched bytes, a partial one at the end left out. */
export function batchesIn(bytes: Uint8Array | null): Uint8Array[] {
  const batches: Uint8Array[] = [];
  const all = bytes ?? new Uint8Array(0);
  const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
  for (let at = 0; at + 12 <= all.length && at + batchBytes(view, at) <= all.length; at += batchBytes(view, at)) {
    // A copy: what was decoded may be a view of its frame.
    batches.push(Uint8Array.from(all.subarray(at, at + batchBytes(view, at))));
  }
  return batches;
}

export function recordsIn(bytes: Uint8Array | null): BatchRecord[] {
  return batchesIn(bytes).flatMap((batch) => readBatch(memoryOver(batch), 0, batch.length, INFLATED_MAX));
}
