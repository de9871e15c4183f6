/**
 * Topic ids: 16 bytes on the wire, 22 characters of base64url everywhere else (as Kafka prints them and writes them into
 * `partition.metadata`).
 */
export const TOPIC_ID_BYTES = 16;
/** The id that means "no id". */
export const ZERO_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAA';
/** Id of Kafka's own metadata topic; never given to another. */
const METADATA_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

export function topicIdOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

export function topicIdBytes(id: string): Uint8Array {
  return new Uint8Array(Buffer.from(id, 'base64url'));
}

export function isTopicId(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text) && topicIdBytes(text).length === TOPIC_ID_BYTES;
}

/** A fresh random id (a version 4 UUID), none of the reserved ones and none that begins with '-' (a trap on command lines). */
export function newTopicId(randomBytes: (count: number) => Uint8Array): string {
  for (;;) {
    const bytes = Uint8Array.from(randomBytes(TOPIC_ID_BYTES));
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const id = topicIdOf(bytes);
    if (id !== ZERO_TOPIC_ID && id !== METADATA_TOPIC_ID && !id.startsWith('-')) return id;
  }
}
