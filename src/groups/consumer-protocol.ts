/**
 * What consumers tell each other inside the metadata of a classic group (protocol type "consumer"): the broker looks into
 * it only to know which topics a group reads, so that it does not let their offsets expire or be deleted.
 */
import { isFault } from '../base/fault.ts';
import { REQUEST_ELEMENTS_MAX, Reader } from '../protocol/reader.ts';

export const CONSUMER_PROTOCOL_TYPE = 'consumer';

const STRING_BYTES_MIN = 2;

/** Topics of a ConsumerProtocolSubscription, which begins with a version and the list in every version; null: unreadable. */
export function subscribedTopics(metadata: Uint8Array): readonly string[] | null {
  try {
    const reader = Reader.over(metadata, REQUEST_ELEMENTS_MAX);
    if (reader.int16() < 0) return null;
    const count = reader.arrayCount(false, STRING_BYTES_MIN);
    const topics: string[] = [];
    for (let index = 0; index < count; index++) {
      const topic = reader.string(false);
      if (topic === null) return null;
      topics.push(topic);
    }
    return topics;
  } catch (error) {
    if (isFault(error)) return null;
    throw error;
  }
}
