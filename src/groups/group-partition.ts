/**
 * Which partition of `__consumer_offsets` keeps a group: Java's hash of the group id, without its sign, over the number of
 * partitions. It must be Kafka's rule to the bit, so that tools look in the right place and a folder can be taken over.
 */
import { assert } from '../base/assert.ts';

const POSITIVE = 0x7fffffff;

export function groupPartition(groupId: string, partitionCount: number): number {
  assert(partitionCount > 0, 'the topic of the groups has partitions');
  return (javaHash(groupId) & POSITIVE) % partitionCount;
}

/** What String.hashCode answers: over UTF-16 units, modulo 2^32, signed. */
export function javaHash(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return hash;
}
