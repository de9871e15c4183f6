/**
 * What the members of a classic group tell each other through the broker, which does not look inside: what each subscribes
 * to and holds, and what the leader gives to each. The format is that of Kafka's ConsumerProtocol, versions 0 to 3, so that
 * members with other clients fit into the same group. What comes from them is read as far as its version is known here.
 *
 *     subscription: version │ topics │ user data │ 1: owned partitions │ 2: generation │ 3: rack
 *     assignment:   version │ partitions by topic │ user data
 */
import { Reader } from '../../protocol/reader.ts';
import { Writer } from '../../protocol/writer.ts';
import { topicsOf } from '../group-offsets.ts';
import type { TopicPartition } from '../record.ts';

export interface MemberSubscription {
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  /** In which generation they were owned; -1 where that is not known. */
  readonly generationId: number;
  readonly rackId: string | null;
}

const VERSION = 3;

const MESSAGE_BYTES_MAX = 16 << 20;
const TOPIC_BYTES_MIN = 6;

export function encodeSubscription(subscription: MemberSubscription): Uint8Array {
  const writer = new Writer(MESSAGE_BYTES_MAX);
  writer.int16(VERSION);
  const topics = [...subscription.topics].sort();
  writer.arrayCount(topics.length, false);
  for (const topic of topics) writer.string(topic, false);
  writer.bytes(null, false);
  writePartitions(writer, subscription.owned);
  writer.int32(subscription.generationId);
  writer.string(subscription.rackId, false);
  return new Uint8Array(writer.written());
}

export function decodeSubscription(bytes: Uint8Array): MemberSubscription {
  const reader = Reader.over(bytes);
  const version = reader.int16();
  const topics: string[] = [];
  for (let left = reader.arrayCount(false, 2); left > 0; left--) topics.push(reader.string(false) ?? '');
  reader.bytesView(false);
  const owned = version >= 1 ? readPartitions(reader) : [];
  const generationId = version >= 2 ? reader.int32() : -1;
  const rackId = version >= 3 ? reader.string(false) : null;
  return { topics, owned, generationId, rackId };
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Uint8Array {
  const writer = new Writer(MESSAGE_BYTES_MAX);
  writer.int16(VERSION);
  writePartitions(writer, partitions);
  writer.bytes(null, false);
  return new Uint8Array(writer.written());
}

/** No bytes at all are the assignment of a member that gets nothing. */
export function decodeAssignment(bytes: Uint8Array): TopicPartition[] {
  if (bytes.length === 0) return [];
  const reader = Reader.over(bytes);
  reader.int16();
  return readPartitions(reader);
}

function writePartitions(writer: Writer, places: readonly TopicPartition[]): void {
  const topics = topicsOf(places, ({ partition }) => partition);
  writer.arrayCount(topics.length, false);
  for (const { name, partitions } of topics) {
    writer.string(name, false);
    writer.arrayCount(partitions.length, false);
    for (const partition of partitions) writer.int32(partition);
  }
}

function readPartitions(reader: Reader): TopicPartition[] {
  const places: TopicPartition[] = [];
  for (let topics = reader.arrayCount(false, TOPIC_BYTES_MIN); topics > 0; topics--) {
    const topic = reader.string(false) ?? '';
    for (let left = reader.arrayCount(false, 4); left > 0; left--) places.push({ topic, partition: reader.int32() });
  }
  return places;
}
