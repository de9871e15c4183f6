/** How far groups have read: their offsets with the ends of the logs beside them, setting and removing them. */
import { errorCode } from '../../protocol/errors.ts';
import { offsetDelete } from '../../protocol/schemas/47-offset-delete.ts';
import { checkAnswer } from '../answer-error.ts';
import {
  type CommittedOffset,
  commitOffsets,
  fetchOffsets,
  nobodyIn,
  type OffsetToCommit,
  topicsOf,
} from '../group-offsets.ts';
import { findOffsets } from '../offset-lookup.ts';
import { placeOf, type TopicPartition } from '../record.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export interface GroupPosition extends CommittedOffset {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly lag: number;
}

export interface PartitionOutcome extends Outcome, TopicPartition {}

export interface OffsetsOptions {
  /** Without it, everything the group has committed. */
  readonly partitions?: readonly TopicPartition[];
  /** Waits for offsets that an open transaction may still change. */
  readonly isStable?: boolean;
}

export class GroupPositionAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  async list(groupId: string, options: OffsetsOptions = {}): Promise<CommittedOffset[]> {
    const query = {
      group: nobodyIn(groupId),
      partitions: options.partitions ?? null,
      isStable: options.isStable === true,
    };
    return this.#requests.toCoordinator('group', groupId, (connection) => fetchOffsets(connection, query));
  }

  /** The offsets together with start and end of each log; partitions that are gone are left out. */
  async listWithLag(groupId: string, options: OffsetsOptions = {}): Promise<GroupPosition[]> {
    const committed = await this.list(groupId, options);
    const { cluster, timeoutMs } = this.#requests;
    if (committed.length > 0) await cluster.refresh([...new Set(committed.map(({ topic }) => topic))]);
    const present = committed.filter(
      ({ topic, partition }) => cluster.peek(topic)?.partitions[partition] !== undefined,
    );
    const lookup = { deadlineMs: Date.now() + timeoutMs, isReadCommitted: false };
    const at = (time: 'earliest' | 'latest') => present.map(({ topic, partition }) => ({ topic, partition, time }));
    const ends = await findOffsets(cluster, [...at('earliest'), ...at('latest')], lookup);
    return present.map((one, index) => {
      const startOffset = ends[index]?.offset ?? 0;
      const endOffset = ends[present.length + index]?.offset ?? 0;
      return { ...one, startOffset, endOffset, lag: Math.max(0, endOffset - one.offset) };
    });
  }

  /** Works while the group has no members. */
  async alter(groupId: string, offsets: readonly OffsetToCommit[]): Promise<void> {
    if (offsets.length === 0) return;
    await this.#requests.toCoordinator('group', groupId, (connection) =>
      commitOffsets(connection, nobodyIn(groupId), offsets),
    );
  }

  /** Not of topics that members subscribe to. */
  async delete(groupId: string, partitions: readonly TopicPartition[]): Promise<PartitionOutcome[]> {
    const answer = await this.#requests.toCoordinator('group', groupId, async (connection) => {
      const topics = topicsOf(partitions, ({ partition }) => ({ partitionIndex: partition }));
      const deleted = await connection.request(offsetDelete, { groupId, topics });
      checkAnswer(deleted.errorCode, `deleting offsets of group ${groupId}`);
      return deleted;
    });
    const codes = new Map<string, number>();
    for (const { name, partitions: deleted } of answer.topics)
      for (const one of deleted) codes.set(placeOf(name, one.partitionIndex), one.errorCode);
    return partitions.map(({ topic, partition }) => {
      const code = codes.get(placeOf(topic, partition)) ?? errorCode.UNKNOWN_SERVER_ERROR;
      return { topic, partition, error: errorOf(code, `deleting the offset of ${placeOf(topic, partition)}`, null) };
    });
  }
}
