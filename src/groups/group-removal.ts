/**
 * How groups and their offsets come to an end: deleted by somebody, grown old, or left behind by a deleted topic. Works on
 * one shard: takes things out of memory and writes the tombstones. Called by `apis/` and, from time to time, by the
 * coordinator's own alarm.
 */
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import type { Group } from './group.ts';
import type { GroupShard } from './group-shard.ts';
import { removeOffsets } from './offset-desk.ts';

/** NONE, or why not. */
export async function deleteGroup(shard: GroupShard, groupId: string): Promise<number> {
  const group = shard.groups.get(groupId);
  if (group === undefined) return errorCode.GROUP_ID_NOT_FOUND;
  if (!group.isEmpty) return errorCode.NON_EMPTY_GROUP;
  const entries: StoredEntry[] = [];
  endGroup(shard, group, entries);
  return await shard.appendInPieces(entries);
}

/** What has outlived its time goes; a group goes with its last offset when nobody is in it. */
export async function expire(shard: GroupShard, nowMs: number, retentionMs: number): Promise<number> {
  if (shard.errorCode !== errorCode.NONE) return shard.errorCode;
  const entries: StoredEntry[] = [];
  for (const group of [...shard.groups.values()]) {
    expireOffsets(shard, group, nowMs, retentionMs, entries);
    const { groupId } = group;
    const isOver = group.isEmpty && !shard.offsets.has(groupId) && !shard.offsets.hasPending(groupId);
    if (isOver && group.isExpirable) endGroup(shard, group, entries);
  }
  return await shard.appendInPieces(entries);
}

/** The topic is gone, and with it what groups have read of it. */
export async function forgetTopic(shard: GroupShard, topic: string): Promise<number> {
  if (shard.errorCode !== errorCode.NONE) return shard.errorCode;
  const entries: StoredEntry[] = [];
  for (const groupId of [...shard.groups.keys()]) {
    removeOffsets(shard, groupId, topic, partitionsOf(shard, groupId, topic), entries);
  }
  return await shard.appendInPieces(entries);
}

function expireOffsets(
  shard: GroupShard,
  group: Group,
  nowMs: number,
  retentionMs: number,
  entries: StoredEntry[],
): void {
  const { groupId } = group;
  for (const [topic, partitions] of [...shard.offsets.ofGroup(groupId)]) {
    if (group.isSubscribedTo(topic)) continue;
    for (const [partition, offset] of [...partitions]) {
      const sinceMs = group.agingSinceMs(offset);
      if (sinceMs === null || shard.offsets.isPending(groupId, topic, partition)) continue;
      const endMs = offset.expireTimestampMs >= 0 ? offset.expireTimestampMs : sinceMs + retentionMs;
      if (nowMs >= endMs) removeOffsets(shard, groupId, topic, [partition], entries);
    }
  }
}

function endGroup(shard: GroupShard, group: Group, entries: StoredEntry[]): void {
  const { groupId } = group;
  const topics = new Set([...shard.offsets.ofGroup(groupId).keys()]);
  for (const topic of shard.offsets.pendingOf(groupId).keys()) topics.add(topic);
  for (const topic of topics) {
    removeOffsets(shard, groupId, topic, partitionsOf(shard, groupId, topic), entries);
  }
  entries.push(...group.tombstones());
  shard.forget(group);
}

function partitionsOf(shard: GroupShard, groupId: string, topic: string): ReadonlySet<number> {
  const { offsets } = shard;
  const committed = offsets.ofGroup(groupId).get(topic)?.keys() ?? [];
  return new Set([...committed, ...(offsets.pendingOf(groupId).get(topic)?.keys() ?? [])]);
}
