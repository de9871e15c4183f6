/** The words of sharing partitions out in a classic group: what goes into an assignor and what comes out. No behaviour. */
import type { TopicPartition } from '../record.ts';

export interface GroupMemberView {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  readonly generationId: number;
}

/** By topic; topics that are not there are left out. */
export type PartitionCounts = ReadonlyMap<string, number>;
/** By member id; every member is in it. */
export type Assignments = Map<string, TopicPartition[]>;
export type Assign = (members: readonly GroupMemberView[], counts: PartitionCounts) => Assignments;
