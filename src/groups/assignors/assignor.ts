/**
 * What a server-side assignor is: a pure function from members, what they subscribe to and what they were to have, to
 * what each of them is to have. Assignors know nothing of epochs, heartbeats or who holds a partition at the moment.
 */
import type { Assignment } from '../assignment.ts';

export interface AssignorMember {
  readonly instanceId: string | null;
  /** Topics that exist, each once. */
  readonly topicIds: ReadonlySet<string>;
  /** What the member was to have before; empty for a new one. */
  readonly assigned: Assignment;
}

export interface AssignorInput {
  /** The order of the members is theirs to the group: assignors keep it where nothing else decides. */
  readonly members: ReadonlyMap<string, AssignorMember>;
  /** Of a topic that a member subscribes to. */
  partitionCountOf(topicId: string): number;
}

export interface Assignor {
  readonly name: string;
  /** Has an entry for every member. Every partition of every subscribed topic goes to exactly one subscriber. */
  assign(input: AssignorInput): ReadonlyMap<string, Assignment>;
}

/** Whether all members subscribe to the same topics; the common case, which has quicker and better algorithms. */
export function hasOneSubscription(input: AssignorInput): boolean {
  let first: ReadonlySet<string> | null = null;
  for (const { topicIds } of input.members.values()) {
    if (first === null) first = topicIds;
    if (topicIds === first) continue;
    if (topicIds.size !== first.size) return false;
    for (const topicId of topicIds) if (!first.has(topicId)) return false;
  }
  return true;
}
