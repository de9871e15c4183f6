/**
 * OffsetForLeaderEpoch (key 23): where a leader epoch ended, by which a consumer notices that its log took another way.
 * Versions 2-4. The owner of the log knows; here only the question and the answer.
 */
import { OPERATION_CLUSTER_ACTION, OPERATION_DESCRIBE, RESOURCE_CLUSTER, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { offsetForLeaderEpoch } from '../protocol/schemas/23-offset-for-leader-epoch.ts';
import {
  FIND_EPOCH_EPOCH,
  FOUND_EPOCH_END_OFFSET_NUMBER,
  FOUND_EPOCH_EPOCH,
  JOB_FIND_EPOCH,
  JOB_LEADER_EPOCH,
} from '../zerocopy/layout.ts';
import { checks } from './access.ts';
import { type PartitionQuery, PartitionQueryApi, type Question, regroup } from './partition-query.ts';

type Request = RequestOf<typeof offsetForLeaderEpoch>;
type ResponseInput = ResponseInputOf<typeof offsetForLeaderEpoch>;

class LeaderEpochQuery implements PartitionQuery<Request, ResponseInput> {
  readonly api = offsetForLeaderEpoch;
  readonly jobKind = JOB_FIND_EPOCH;
  readonly access = [
    checks(OPERATION_CLUSTER_ACTION, RESOURCE_CLUSTER),
    checks(OPERATION_DESCRIBE, RESOURCE_TOPIC),
  ] as const;
  readonly isForBrokers = true;

  questionsOf(request: Request): Question[] {
    return request.topics.flatMap((topic) =>
      topic.partitions.map((partition) => ({
        topic: topic.name,
        partition: partition.partitionIndex,
        leaderEpoch: partition.currentLeaderEpoch,
        asksFor: partition.leaderEpoch,
        error: 0,
        offset: -1,
        timestamp: -1,
        epoch: -1,
      })),
    );
  }

  writeJob(_request: Request, question: Question, words: Int32Array, at: number): void {
    words[at + FIND_EPOCH_EPOCH] = question.asksFor;
    words[at + JOB_LEADER_EPOCH] = question.leaderEpoch;
  }

  readReceipt(question: Question, words: Int32Array, at: number, numbers: Float64Array): void {
    question.epoch = words[at + FOUND_EPOCH_EPOCH]!;
    question.offset = numbers[(at >> 1) + FOUND_EPOCH_END_OFFSET_NUMBER]!;
  }

  answerOf(request: Request, questions: readonly Question[]): ResponseInput {
    const topics = regroup(request.topics, questions, (topic, mine) => ({
      name: topic.name,
      partitions: mine.map((question) => ({
        errorCode: question.error,
        partitionIndex: question.partition,
        leaderEpoch: question.error === 0 ? question.epoch : -1,
        endOffset: question.error === 0 ? question.offset : -1,
      })),
    }));
    return { topics };
  }
}

export function createOffsetForLeaderEpochApi(): PartitionQueryApi<Request, ResponseInput> {
  return new PartitionQueryApi(new LeaderEpochQuery());
}
