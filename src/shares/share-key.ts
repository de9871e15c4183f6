/**
 * Names one partition as one share group sees it. As a text (`group:topicId:partition`, Kafka's own form) it is what
 * clients ask FindCoordinator for, and it decides which partition of `__share_group_state` keeps the state.
 */
import { javaHashPartition } from '../base/java-hash.ts';

export interface ShareKey {
  readonly groupId: string;
  /** base64url. */
  readonly topicId: string;
  readonly partition: number;
}

const TOPIC_ID = /^[A-Za-z0-9_-]{22}$/;
const PARTITION = /^\d{1,10}$/;
const PARTITION_MAX = 2_147_483_647;

export function shareKeyText({ groupId, topicId, partition }: ShareKey): string {
  return `${groupId}:${topicId}:${partition}`;
}

/** Null when the text names nothing. A group's name may have colons. */
export function parseShareKey(text: string): ShareKey | null {
  const partitionAt = text.lastIndexOf(':');
  const topicAt = partitionAt < 0 ? -1 : text.lastIndexOf(':', partitionAt - 1);
  if (topicAt <= 0) return null;
  const topicId = text.slice(topicAt + 1, partitionAt);
  const partition = text.slice(partitionAt + 1);
  if (!TOPIC_ID.test(topicId) || !PARTITION.test(partition) || Number(partition) > PARTITION_MAX) return null;
  return { groupId: text.slice(0, topicAt), topicId, partition: Number(partition) };
}

/** Which partition of the state topic keeps the key. */
export function statePartitionOf(key: ShareKey, partitionCount: number): number {
  return javaHashPartition(shareKeyText(key), partitionCount);
}
