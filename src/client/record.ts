/**
 * Records as users of the client write and read them: text or bytes go in, Buffers come out. Producer and consumer share
 * these shapes; how they lie in batches is the protocol's business.
 */
import type { RecordHeader } from '../protocol/records.ts';

export type Bytes = string | Uint8Array;

/** Headers as a plain object, or as a list where order or repeated names matter. */
export type HeadersInput =
  | Readonly<Record<string, Bytes | null>>
  | readonly { readonly key: string; readonly value: Bytes | null }[];

export interface ProducerRecord {
  readonly topic: string;
  /** Chosen by the producer's partitioner without it. */
  readonly partition?: number;
  readonly key?: Bytes | null;
  /** Null deletes the key on a compacted topic. */
  readonly value: Bytes | null;
  readonly headers?: HeadersInput;
  /** Milliseconds since 1970; now without it. */
  readonly timestamp?: number;
}

export interface RecordReceipt {
  readonly topic: string;
  readonly partition: number;
  /** -1 with acks 0, where the broker does not say. */
  readonly offset: number;
  /** The record's own, or the broker's where the topic stamps append times. */
  readonly timestamp: number;
}

export interface ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
  readonly leaderEpoch: number;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

const NO_HEADERS: readonly RecordHeader[] = [];

export function bytesOf(value: Bytes): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value) : value;
}

export function nullableBytesOf(value: Bytes | null | undefined): Uint8Array | null {
  return value === null || value === undefined ? null : bytesOf(value);
}

export function headersOf(headers: HeadersInput | undefined): readonly RecordHeader[] {
  if (headers === undefined) return NO_HEADERS;
  const pairs = isList(headers) ? headers : Object.entries(headers).map(([key, value]) => ({ key, value }));
  return pairs.map(({ key, value }) => ({ key, value: nullableBytesOf(value) }));
}

function isList(headers: HeadersInput): headers is Extract<HeadersInput, readonly unknown[]> {
  return Array.isArray(headers);
}

/** A map key for a partition. */
export function placeOf(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}
