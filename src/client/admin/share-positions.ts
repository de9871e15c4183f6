/** Where share groups start in partitions: list, set, forget. Only while nobody shares in the group. */

import { errorCode } from '../../protocol/errors.ts';
import { describeShareGroupOffsets } from '../../protocol/schemas/90-describe-share-group-offsets.ts';
import { alterShareGroupOffsets } from '../../protocol/schemas/91-alter-share-group-offsets.ts';
import { deleteShareGroupOffsets } from '../../protocol/schemas/92-delete-share-group-offsets.ts';
import { AnswerError, checkAnswer } from '../answer-error.ts';
import { topicsOf } from '../group-offsets.ts';
import { placeOf, type TopicPartition } from '../record.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export interface SharePosition extends TopicPartition, Outcome {
  /** -1: nothing was delivered yet. */
  readonly startOffset: number;
  readonly leaderEpoch: number;
  /** -1 where the broker does not say. */
  readonly lag: number;
}

export class SharePositionAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  /** Without partitions, all that the group has. */
  async list(groupId: string, partitions: readonly TopicPartition[] | null = null): Promise<SharePosition[]> {
    const topics =
      partitions === null
        ? null
        : topicsOf(partitions, ({ partition }) => partition).map(({ name, partitions: some }) => ({
            topicName: name,
            partitions: some,
          }));
    const group = await this.#requests.toCoordinator('group', groupId, async (connection) => {
      const answer = await connection.request(describeShareGroupOffsets, { groups: [{ groupId, topics }] });
      const found = answer.groups[0];
      const what = `describing offsets of share group ${groupId}`;
      if (found === undefined) throw new AnswerError(errorCode.UNKNOWN_SERVER_ERROR, what, 'the answer is empty');
      checkAnswer(found.errorCode, what, found.errorMessage);
      return found;
    });
    return group.topics.flatMap(({ topicName: topic, partitions: some }) =>
      some.map(({ partitionIndex: partition, startOffset, leaderEpoch, lag, errorCode: code, errorMessage }) => {
        const error = errorOf(code, `the offset of ${placeOf(topic, partition)}`, errorMessage);
        return { topic, partition, startOffset, leaderEpoch, lag, error };
      }),
    );
  }

  async alter(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly startOffset: number })[],
  ): Promise<(TopicPartition & Outcome)[]> {
    const answer = await this.#requests.toCoordinator('group', groupId, async (connection) => {
      const topics = topicsOf(offsets, ({ partition, startOffset }) => ({ partitionIndex: partition, startOffset }));
      const body = { groupId, topics: topics.map(({ name, partitions }) => ({ topicName: name, partitions })) };
      const altered = await connection.request(alterShareGroupOffsets, body);
      checkAnswer(altered.errorCode, `setting offsets of share group ${groupId}`, altered.errorMessage);
      return altered;
    });
    return answer.responses.flatMap(({ topicName: topic, partitions }) =>
      partitions.map(({ partitionIndex: partition, errorCode: code, errorMessage }) => {
        const error = errorOf(code, `setting the offset of ${placeOf(topic, partition)}`, errorMessage);
        return { topic, partition, error };
      }),
    );
  }

  async delete(groupId: string, topics: readonly string[]): Promise<(Outcome & { readonly topic: string })[]> {
    const answer = await this.#requests.toCoordinator('group', groupId, async (connection) => {
      const body = { groupId, topics: topics.map((topicName) => ({ topicName })) };
      const deleted = await connection.request(deleteShareGroupOffsets, body);
      checkAnswer(deleted.errorCode, `deleting offsets of share group ${groupId}`, deleted.errorMessage);
      return deleted;
    });
    return answer.responses.map(({ topicName: topic, errorCode: code, errorMessage }) => ({
      topic,
      error: errorOf(code, `deleting the offsets of ${topic}`, errorMessage),
    }));
  }
}
