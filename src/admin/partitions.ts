/**
 * Partitions as clients see and change them: adding some to a topic, assigning replicas by hand, and walking through
 * the partitions of many topics page by page.
 */
import type { Catalog, CatalogTopic } from '../cluster/catalog.ts';
import type { Controller } from '../cluster/controller.ts';
import { errorCode } from '../protocol/errors.ts';
import { type MutationAllowance, UNLIMITED } from './mutation-quotas.ts';
import { type Refusal, refusalOf, refuse } from './refusal.ts';
import { problemOfTopicName } from './topic-names.ts';

export interface ReplicaAssignment {
  readonly partition: number;
  readonly brokerIds: readonly number[];
}

/** Null when the assignments cover the partitions from `first` on without a gap and name brokers that exist. */
export function problemOfAssignments(
  assignments: readonly ReplicaAssignment[],
  first: number,
  nodeId: number,
): string | null {
  const sorted = assignments.toSorted((a, b) => a.partition - b.partition);
  for (const [index, { partition, brokerIds }] of sorted.entries()) {
    if (partition !== first + index)
      return `the assignment lacks the partition ${first + index} or has it twice; number them from ${first} on`;
    if (brokerIds.length === 0) return `the assignment of partition ${partition} names no broker; name ${nodeId}`;
    if (new Set(brokerIds).size < brokerIds.length)
      return `the assignment of partition ${partition} names a broker twice; name it once`;
    const unknown = brokerIds.find((id) => id !== nodeId);
    if (unknown !== undefined)
      return `the assignment of partition ${partition} names the broker ${unknown}, which does not exist; name ${nodeId}`;
  }
  return null;
}

/** Null when that many partitions more fit into this broker. */
export function refusalOfCount(count: number, room: number): Refusal | null {
  if (count <= room) return null;
  return refuse(
    errorCode.INVALID_PARTITIONS,
    `${count} partitions more do not fit: this broker has room for ${room}; ask for fewer`,
  );
}

/** One request makes no more, as in Kafka; then nothing of it is done. */
const PARTITIONS_PER_REQUEST_MAX = 10_000;

export function refusalOfTotal(total: number): Refusal | null {
  if (total <= PARTITIONS_PER_REQUEST_MAX) return null;
  const message = `the request asks for ${total} partitions, more than ${PARTITIONS_PER_REQUEST_MAX}; split it`;
  return refuse(errorCode.POLICY_VIOLATION, message);
}

export interface GrowWish {
  readonly name: string;
  /** Partitions the topic shall have in the end. */
  readonly count: number;
  /** Broker ids of each new partition, or null. */
  readonly assignments: readonly (readonly number[])[] | null;
}

export interface GrowResult {
  readonly name: string;
  readonly refusal: Refusal | null;
}

/** One result for each distinct name, in the order of the wishes. */
export async function createPartitions(
  controller: Controller,
  wishes: readonly GrowWish[],
  options: { readonly isOnlyCheck: boolean; readonly allowance?: MutationAllowance },
): Promise<GrowResult[]> {
  const allowance = options.allowance ?? UNLIMITED;
  const byName = new Map<string, GrowWish>();
  const twice = new Set<string>();
  for (const wish of wishes) {
    if (byName.has(wish.name)) twice.add(wish.name);
    else byName.set(wish.name, wish);
  }
  const good = new Set(
    [...byName.values()].filter((wish) => !twice.has(wish.name) && refusalOfGrowth(controller, wish) === null),
  );
  const tooMany = refusalOfTotal([...good].reduce((sum, wish) => sum + growthOf(controller.catalog, wish), 0));
  const results: GrowResult[] = [];
  for (const [name, wish] of byName) {
    if (twice.has(name)) {
      const message = `the request names the topic '${name}' twice; name it once`;
      results.push({ name, refusal: refuse(errorCode.INVALID_REQUEST, message) });
    } else if (tooMany !== null && good.has(wish)) {
      results.push({ name, refusal: tooMany });
    } else {
      results.push({ name, refusal: await growOne(controller, wish, options.isOnlyCheck, allowance) });
    }
  }
  return results;
}

function growthOf(catalog: Catalog, { name, count }: GrowWish): number {
  return count - (catalog.topicsByName.get(name)?.leaderEpochs.length ?? 0);
}

async function growOne(
  controller: Controller,
  wish: GrowWish,
  isOnlyCheck: boolean,
  allowance: MutationAllowance,
): Promise<Refusal | null> {
  if (isOnlyCheck) return refusalOfGrowth(controller, wish);
  let refusal: Refusal | null = null;
  const fault = await controller.createPartitions((catalog) => {
    refusal = refusalOfGrowth(controller, wish);
    const topic = catalog.topicsByName.get(wish.name);
    if (refusal !== null || topic === undefined) return null;
    const addCount = wish.count - topic.leaderEpochs.length;
    refusal = allowance.admit(addCount);
    return refusal === null ? { topicId: topic.id, addCount } : null;
  });
  if (refusal !== null) return refusal;
  if (fault === null) return null;
  const answer = refusalOf(fault);
  return answer.errorCode === errorCode.POLICY_VIOLATION
    ? refuse(errorCode.INVALID_PARTITIONS, answer.message)
    : answer;
}

function refusalOfGrowth(controller: Controller, wish: GrowWish): Refusal | null {
  const topic = controller.catalog.topicsByName.get(wish.name);
  if (topic === undefined) return refuse(errorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic '${wish.name}'`);
  const has = topic.leaderEpochs.length;
  if (wish.count <= has) {
    const message = `the topic '${wish.name}' has ${has} partitions; ask for more than that (partitions cannot be taken away)`;
    return refuse(errorCode.INVALID_PARTITIONS, message);
  }
  const noRoom = refusalOfCount(wish.count - has, controller.roomForPartitions);
  if (noRoom !== null || wish.assignments === null) return noRoom;
  if (wish.assignments.length !== wish.count - has) {
    const message = `${wish.count - has} partitions are to be added but ${wish.assignments.length} are assigned; assign each of the new ones`;
    return refuse(errorCode.INVALID_REPLICA_ASSIGNMENT, message);
  }
  const assignments = wish.assignments.map((brokerIds, index) => ({ partition: has + index, brokerIds }));
  const problem = problemOfAssignments(assignments, has, controller.config.values['node.id']);
  return problem === null ? null : refuse(errorCode.INVALID_REPLICA_ASSIGNMENT, problem);
}

export interface PartitionCursor {
  readonly topicName: string;
  readonly partitionIndex: number;
}

export interface TopicPage {
  readonly name: string;
  readonly errorCode: number;
  readonly topic: CatalogTopic | null;
  readonly firstPartition: number;
  readonly partitionCount: number;
}

export interface PartitionPages {
  readonly topics: readonly TopicPage[];
  readonly next: PartitionCursor | null;
}

/** Topics in the order of their names, cut after `partitionsMax` partitions; `next` says where to go on. */
export function pagePartitions(
  catalog: Catalog,
  names: readonly string[],
  cursor: PartitionCursor | null,
  partitionsMax: number,
): PartitionPages {
  const sorted = [...new Set(names)].filter((name) => cursor === null || name >= cursor.topicName).sort();
  const topics: TopicPage[] = [];
  let room = Math.max(1, partitionsMax);
  for (const name of sorted) {
    const firstPartition = cursor?.topicName === name ? Math.max(0, cursor.partitionIndex) : 0;
    // Whether the next topic exists or not: it comes on the next page.
    if (room === 0) return { topics, next: { topicName: name, partitionIndex: firstPartition } };
    const topic = catalog.topicsByName.get(name) ?? null;
    if (topic === null) {
      const isBadName = problemOfTopicName(name) !== null;
      const code = isBadName ? errorCode.INVALID_TOPIC_EXCEPTION : errorCode.UNKNOWN_TOPIC_OR_PARTITION;
      topics.push({ name, errorCode: code, topic: null, firstPartition: 0, partitionCount: 0 });
      continue;
    }
    const left = Math.max(0, topic.leaderEpochs.length - firstPartition);
    const partitionCount = Math.min(left, room);
    topics.push({ name, errorCode: errorCode.NONE, topic, firstPartition, partitionCount });
    room -= partitionCount;
    if (partitionCount < left)
      return { topics, next: { topicName: name, partitionIndex: firstPartition + partitionCount } };
  }
  return { topics, next: null };
}
