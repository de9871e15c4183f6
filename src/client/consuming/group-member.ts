/**
 * What a consumer and its membership in a group promise each other. Two bodies: `ClassicMember`, whose members share
 * partitions out among themselves, and `BrokerAssignedMember` (KIP-848), whose broker does. Heartbeats go by themselves;
 * everything that changes the assignment happens in `tick`, which the consumer calls when the program polls.
 */
import type { GroupIdentity } from '../group-offsets.ts';
import type { TopicPartition } from '../record.ts';

export interface MemberEvents {
  /** The partitions are ours from now on. */
  readonly assigned: (partitions: readonly TopicPartition[]) => Promise<void>;
  /** They will be others'; what is to be committed must be committed before this resolves. */
  readonly revoked: (partitions: readonly TopicPartition[]) => Promise<void>;
  /** They may be others' already. */
  readonly lost: (partitions: readonly TopicPartition[]) => Promise<void>;
  /** `tick` has something to do. */
  readonly wake: () => void;
}

/** What the member wants to read. */
export interface Interest {
  readonly topics: readonly string[];
  /** Only for a broker that knows regular expressions: matched there. */
  readonly pattern: string | null;
}

export interface GroupMember {
  readonly identity: GroupIdentity;
  /** Whether `tick` would do something. */
  readonly isDue: boolean;
  /** Called in each poll: joins, and gives up and takes partitions as the group decided. */
  tick(): Promise<void>;
  /** The interest changed, or the topics behind it did. */
  changeInterest(interest: Interest): void;
  /** Leaves the group; a member with a name of its own keeps its place until its session ends. */
  leave(): Promise<void>;
}

export function without(partitions: readonly TopicPartition[], gone: readonly TopicPartition[]): TopicPartition[] {
  return partitions.filter(
    ({ topic, partition }) => !gone.some((other) => other.topic === topic && other.partition === partition),
  );
}
