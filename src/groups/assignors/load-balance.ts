/**
 * The `uniform` assignor for members that subscribe to different topics. What is still subscribed stays where it is; what
 * is free goes to the subscriber with the fewest partitions, topics with the fewest choices first; then partitions move,
 * topic by topic, from the most to the least loaded subscriber until no move makes the loads more even.
 *
 * Where subscriptions overlap without being equal, a move may open another one in a topic that was done: so the topics are
 * walked again, a bounded number of times. What is left then is uneven by little; Kafka accepts the same.
 */
import { assert } from '../../base/assert.ts';
import type { Assignment } from '../assignment.ts';
import type { AssignorInput } from './assignor.ts';
import { MemberQueue } from './member-queue.ts';

const WALKS_MAX = 16;
const NOBODY = -1;

interface Topic {
  readonly id: string;
  /** Indexes of members, ascending. */
  readonly subscribers: readonly number[];
  /** Index of the member that is to have the partition, or NOBODY. */
  readonly owners: Int32Array;
}

export function balanceLoads(input: AssignorInput): ReadonlyMap<string, Assignment> {
  const memberIds = [...input.members.keys()];
  const loads = new Int32Array(memberIds.length);
  const topics = topicsOf(input).sort(compareTopics);
  keepOld(input, topics, loads);
  for (const topic of topics) placeFree(topic, loads);
  for (let walk = 0; walk < WALKS_MAX; walk++) {
    let moveCount = 0;
    for (const topic of topics) moveCount += evenOut(topic, loads);
    if (moveCount === 0) break;
  }
  return assignmentsOf(memberIds, topics);
}

function topicsOf(input: AssignorInput): Topic[] {
  const subscribersOf = new Map<string, number[]>();
  let index = 0;
  for (const { topicIds } of input.members.values()) {
    for (const topicId of topicIds) {
      const subscribers = subscribersOf.get(topicId);
      if (subscribers === undefined) subscribersOf.set(topicId, [index]);
      else subscribers.push(index);
    }
    index++;
  }
  return [...subscribersOf].map(([id, subscribers]) => ({
    id,
    subscribers,
    owners: new Int32Array(input.partitionCountOf(id)).fill(NOBODY),
  }));
}

/** Many partitions on few shoulders come first: the others can make up for them. Ids break ties, for one answer always. */
function compareTopics(a: Topic, b: Topic): number {
  const byCrowding = b.owners.length / b.subscribers.length - a.owners.length / a.subscribers.length;
  if (byCrowding !== 0) return byCrowding;
  if (a.subscribers.length !== b.subscribers.length) return a.subscribers.length - b.subscribers.length;
  return a.id < b.id ? -1 : 1;
}

function keepOld(input: AssignorInput, topics: readonly Topic[], loads: Int32Array): void {
  const topicOf = new Map(topics.map((topic) => [topic.id, topic]));
  let index = 0;
  for (const { topicIds, assigned } of input.members.values()) {
    for (const [topicId, partitions] of assigned) {
      const topic = topicIds.has(topicId) ? topicOf.get(topicId) : undefined;
      if (topic === undefined) continue;
      for (const partition of partitions) {
        if (topic.owners[partition] === NOBODY) give(topic, partition, index, loads);
      }
    }
    index++;
  }
}

function placeFree(topic: Topic, loads: Int32Array): void {
  const { owners } = topic;
  if (!owners.includes(NOBODY)) return;
  const queue = queueOf(topic.subscribers, loads, 'least-loaded');
  for (let partition = 0; partition < owners.length; partition++) {
    if (owners[partition] !== NOBODY) continue;
    const member = queue.firstMember;
    queue.dropFirst();
    give(topic, partition, member, loads);
    queue.add(member, loadOf(loads, member));
  }
}

/** Moves partitions of one topic until its subscribers' loads differ by at most one, or the loaded ones have none of it. */
function evenOut(topic: Topic, loads: Int32Array): number {
  if (isEven(topic, loads)) return 0;
  const ownedBy = partitionsByOwner(topic);
  const least = queueOf(topic.subscribers, loads, 'least-loaded');
  const most = queueOf(ownedBy.keys(), loads, 'most-loaded');
  const isTrue = (queue: MemberQueue): boolean => queue.firstLoad === loadOf(loads, queue.firstMember);
  for (let moveCount = 0; ; moveCount++) {
    while (!isTrue(least)) least.dropFirst();
    while (!most.isEmpty && !(isTrue(most) && ownedBy.get(most.firstMember)?.length !== 0)) most.dropFirst();
    if (most.isEmpty || most.firstLoad - least.firstLoad <= 1) return moveCount;
    const from = most.firstMember;
    const to = least.firstMember;
    const owned = ownedBy.get(from);
    const partition = owned?.pop();
    assert(partition !== undefined, 'who is to give a partition has one');
    loads[from] = loadOf(loads, from) - 1;
    give(topic, partition, to, loads);
    const received = ownedBy.get(to);
    if (received === undefined) ownedBy.set(to, [partition]);
    else received.push(partition);
    for (const member of [from, to]) {
      least.add(member, loadOf(loads, member));
      most.add(member, loadOf(loads, member));
    }
  }
}

/** Whether nothing is to be moved, which is so for most topics of most groups. */
function isEven({ subscribers, owners }: Topic, loads: Int32Array): boolean {
  let least = Number.POSITIVE_INFINITY;
  for (const member of subscribers) least = Math.min(least, loadOf(loads, member));
  return owners.every((owner) => loadOf(loads, owner) - least <= 1);
}

function queueOf(members: Iterable<number>, loads: Int32Array, first: 'least-loaded' | 'most-loaded'): MemberQueue {
  const queue = new MemberQueue(loads.length, first);
  for (const member of members) queue.add(member, loadOf(loads, member));
  return queue;
}

function partitionsByOwner(topic: Topic): Map<number, number[]> {
  const ownedBy = new Map<number, number[]>();
  topic.owners.forEach((owner, partition) => {
    const owned = ownedBy.get(owner);
    if (owned === undefined) ownedBy.set(owner, [partition]);
    else owned.push(partition);
  });
  return ownedBy;
}

function give(topic: Topic, partition: number, member: number, loads: Int32Array): void {
  topic.owners[partition] = member;
  loads[member] = loadOf(loads, member) + 1;
}

function loadOf(loads: Int32Array, member: number): number {
  const load = loads[member];
  assert(load !== undefined, 'a member has a load');
  return load;
}

function assignmentsOf(memberIds: readonly string[], topics: readonly Topic[]): ReadonlyMap<string, Assignment> {
  const assignments = memberIds.map(() => new Map<string, Set<number>>());
  for (const { id, owners } of topics) {
    owners.forEach((owner, partition) => {
      const assignment = assignments[owner];
      assert(assignment !== undefined, 'every partition has an owner');
      const partitions = assignment.get(id);
      if (partitions === undefined) assignment.set(id, new Set([partition]));
      else partitions.add(partition);
    });
  }
  return new Map(memberIds.map((memberId, index) => [memberId, assignments[index] ?? new Map()]));
}
