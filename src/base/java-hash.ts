/**
 * The hash of a string as Java's `String.hashCode` gives it: Kafka goes by it when it assigns groups and transactional ids
 * to the partitions of its internal topics, and so must whoever reads and writes those topics.
 */

export function javaHash(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (Math.imul(31, hash) + text.charCodeAt(index)) | 0;
  return hash;
}

/** The smallest number has no positive twin; Kafka takes 0 for it. */
export function javaHashPartition(text: string, count: number): number {
  const hash = javaHash(text);
  return hash === -2_147_483_648 ? 0 : Math.abs(hash) % count;
}
