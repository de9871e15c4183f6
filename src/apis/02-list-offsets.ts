/**
 * ListOffsets (key 2): the offset of a timestamp, or of a place that has a name (-1 latest, -2 earliest, -3 the record with
 * the greatest timestamp, -4 earliest on this disk, -5 and -6 about remote storage). Versions 1-11. The owner of the log
 * knows; here only the question and the answer.
 */
import { OPERATION_DESCRIBE, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { EARLIEST_PENDING_UPLOAD_TIMESTAMP, listOffsets } from '../protocol/schemas/02-list-offsets.ts';
import {
  FIND_OFFSET_FLAGS,
  FIND_OFFSET_TIMESTAMP_NUMBER,
  FOUND_LEADER_EPOCH,
  FOUND_OFFSET_NUMBER,
  FOUND_TIMESTAMP_NUMBER,
  JOB_FIND_OFFSET,
  JOB_LEADER_EPOCH,
  READ_FLAG_COMMITTED,
} from '../zerocopy/layout.ts';
import { checks } from './access.ts';
import { type PartitionQuery, PartitionQueryApi, type Question, regroup } from './partition-query.ts';

type Request = RequestOf<typeof listOffsets>;
type ResponseInput = ResponseInputOf<typeof listOffsets>;

const READ_COMMITTED = 1;
/** From which version on each special timestamp may be asked for: -1, -2, -3, -4, -5, -6. */
const SINCE = [1, 1, 7, 8, 9, 11];

class ListOffsetsQuery implements PartitionQuery<Request, ResponseInput> {
  readonly api = listOffsets;
  readonly jobKind = JOB_FIND_OFFSET;
  readonly access = [checks(OPERATION_DESCRIBE, RESOURCE_TOPIC)] as const;
  readonly isForBrokers = false;

  questionsOf(request: Request, version: number): Question[] {
    const asked = new Map<string, Question>();
    return request.topics.flatMap((topic) =>
      topic.partitions.map((partition) => {
        const question: Question = {
          topic: topic.name,
          partition: partition.partitionIndex,
          leaderEpoch: partition.currentLeaderEpoch,
          asksFor: partition.timestamp,
          error: errorOfTimestamp(partition.timestamp, version),
          offset: -1,
          timestamp: -1,
          epoch: -1,
        };
        // The same partition asked twice has no one answer.
        const key = `${partition.partitionIndex} ${topic.name}`;
        const twin = asked.get(key);
        asked.set(key, question);
        if (twin === undefined) return question;
        twin.error = errorCode.INVALID_REQUEST;
        return { ...question, error: errorCode.INVALID_REQUEST };
      }),
    );
  }

  writeJob(request: Request, question: Question, words: Int32Array, at: number, numbers: Float64Array): void {
    words[at + FIND_OFFSET_FLAGS] = request.isolationLevel === READ_COMMITTED ? READ_FLAG_COMMITTED : 0;
    words[at + JOB_LEADER_EPOCH] = question.leaderEpoch;
    numbers[(at >> 1) + FIND_OFFSET_TIMESTAMP_NUMBER] = question.asksFor;
  }

  readReceipt(question: Question, words: Int32Array, at: number, numbers: Float64Array): void {
    question.epoch = words[at + FOUND_LEADER_EPOCH]!;
    question.offset = numbers[(at >> 1) + FOUND_OFFSET_NUMBER]!;
    question.timestamp = numbers[(at >> 1) + FOUND_TIMESTAMP_NUMBER]!;
  }

  answerOf(request: Request, questions: readonly Question[]): ResponseInput {
    const topics = regroup(request.topics, questions, (topic, mine) => ({
      name: topic.name,
      partitions: onceEach(mine).map((question) => ({
        partitionIndex: question.partition,
        errorCode: question.error,
        timestamp: question.error === 0 ? question.timestamp : -1,
        offset: question.error === 0 ? question.offset : -1,
        leaderEpoch: question.error === 0 ? question.epoch : -1,
      })),
    }));
    return { topics: topics.filter(({ partitions }) => partitions.length > 0) };
  }
}

function onceEach(questions: readonly Question[]): readonly Question[] {
  const last = new Map(questions.map((question) => [question.partition, question]));
  return last.size === questions.length ? questions : [...last.values()];
}

function errorOfTimestamp(timestamp: number, version: number): number {
  if (timestamp >= 0) return 0;
  if (timestamp < EARLIEST_PENDING_UPLOAD_TIMESTAMP) return errorCode.UNSUPPORTED_VERSION;
  const since = SINCE[-timestamp - 1] ?? Number.POSITIVE_INFINITY;
  return version >= since ? 0 : errorCode.UNSUPPORTED_VERSION;
}

export function createListOffsetsApi(): PartitionQueryApi<Request, ResponseInput> {
  return new PartitionQueryApi(new ListOffsetsQuery());
}
