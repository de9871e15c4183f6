/**
 * The hash over the topics that a group reads (KIP-1101), equal to Kafka's bit by bit, so that a group taken over from a
 * Kafka broker is not rebalanced for a hash that only looks different. A group whose hash changes makes a new target.
 */
import { xxh3 } from '../base/xxh3.ts';

const TOPIC_MAGIC = 0;

export interface HashedTopic {
  /** base64url. */
  readonly id: string;
  readonly name: string;
  readonly partitionCount: number;
}

/** As a signed number of 64 bits, like the records carry it. This broker's partitions stand in no rack. */
export function topicHash({ id, name, partitionCount }: HashedTopic): bigint {
  const idBytes = Buffer.from(id, 'base64url');
  const bytes = Buffer.alloc(1 + 16 + 2 * name.length + 4 + 4 + 4 * partitionCount);
  let at = bytes.writeUInt8(TOPIC_MAGIC, 0);
  // The two halves of the id are numbers, written low byte first; so each half is turned around.
  for (const half of [idBytes.subarray(0, 8), idBytes.subarray(8, 16)])
    at += Buffer.from(half).reverse().copy(bytes, at);
  at += bytes.write(name, at, 'utf16le');
  at = bytes.writeInt32LE(name.length, at);
  at = bytes.writeInt32LE(partitionCount, at);
  for (let partition = 0; partition < partitionCount; partition++) at = bytes.writeInt32LE(partition, at);
  return BigInt.asIntN(64, xxh3(bytes));
}

/** Of the hashes of topics in the order of their names. 0 where there are none. */
export function groupHash(topicHashes: readonly bigint[]): bigint {
  if (topicHashes.length === 0) return 0n;
  const bytes = Buffer.alloc(8 * topicHashes.length);
  topicHashes.forEach((hash, index) => {
    bytes.writeBigInt64LE(hash, 8 * index);
  });
  return BigInt.asIntN(64, xxh3(bytes));
}
