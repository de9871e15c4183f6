/**
 * The hash by which Kafka's Java client spreads keys over partitions (MurmurHash2, 32 bits, with Java's seed). Every client
 * that wants equal keys in equal partitions must compute the same numbers. Called by the partitioner only.
 */
const SEED = 0x9747b28c | 0;
const MIX = 0x5bd1e995;
const SHIFT = 24;

/** A signed 32-bit number, as in Java. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, MIX);
    word ^= word >>> SHIFT;
    word = Math.imul(word, MIX);
    hash = Math.imul(hash, MIX) ^ word;
  }
  const rest = length - whole;
  if (rest === 3) hash ^= bytes[whole + 2]! << 16;
  if (rest >= 2) hash ^= bytes[whole + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[whole]!, MIX);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MIX);
  return hash ^ (hash >>> 15);
}

/** The partition Java's client chooses for a key. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitionCount;
}
