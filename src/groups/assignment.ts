/**
 * Which partitions somebody has: the words in which groups of the newer protocols (consumer and share) speak of
 * assignments. Values are never changed after they were made; every function here gives a new one.
 */

/** Topic id → partitions. Never holds a topic without partitions. */
export type Assignment = ReadonlyMap<string, ReadonlySet<number>>;

/** Topic id → partition → the epoch of the group in which its owner got it. Never holds a topic without partitions. */
export type HeldPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>;

export interface TopicPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export const emptyAssignment: Assignment = new Map();
export const nothingHeld: HeldPartitions = new Map();

export function assignmentOf(list: readonly TopicPartitions[]): Assignment {
  const assignment = new Map<string, Set<number>>();
  for (const { topicId, partitions } of list) {
    if (partitions.length === 0) continue;
    const known = assignment.get(topicId);
    if (known === undefined) assignment.set(topicId, new Set(partitions));
    else for (const partition of partitions) known.add(partition);
  }
  return assignment;
}

/** Partitions in ascending order: what is written and answered does not depend on the history of a set. */
export function listOf(
  assignment: ReadonlyMap<string, { keys(): IterableIterator<number> }>,
): { topicId: string; partitions: number[] }[] {
  const list = [];
  for (const [topicId, partitions] of assignment) {
    list.push({ topicId, partitions: [...partitions.keys()].sort(byNumber) });
  }
  return list;
}

export function withoutEpochs(held: HeldPartitions): Assignment {
  const assignment = new Map<string, ReadonlySet<number>>();
  for (const [topicId, partitions] of held) assignment.set(topicId, new Set(partitions.keys()));
  return assignment;
}

export function withEpoch(assignment: Assignment, epoch: number): HeldPartitions {
  const held = new Map<string, ReadonlyMap<number, number>>();
  for (const [topicId, partitions] of assignment) {
    held.set(topicId, new Map([...partitions].map((partition) => [partition, epoch])));
  }
  return held;
}

export function isSameAssignment(one: Assignment, other: Assignment): boolean {
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const partition of partitions) if (!others.has(partition)) return false;
  }
  return true;
}

export function isSameHolding(one: HeldPartitions, other: HeldPartitions): boolean {
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const [partition, epoch] of partitions) if (others.get(partition) !== epoch) return false;
  }
  return true;
}

export function countOf(assignment: Assignment): number {
  let count = 0;
  for (const partitions of assignment.values()) count += partitions.size;
  return count;
}

function byNumber(one: number, other: number): number {
  return one - other;
}
