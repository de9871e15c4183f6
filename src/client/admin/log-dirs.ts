/** The brokers' data folders: their room, and how many bytes each partition takes there. */
import { describeLogDirs } from '../../protocol/schemas/35-describe-log-dirs.ts';
import { checkAnswer } from '../answer-error.ts';
import { topicsOf } from '../group-offsets.ts';
import type { TopicPartition } from '../record.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export interface LogDirPartition extends TopicPartition {
  readonly bytes: number;
  readonly offsetLag: number;
  /** It is being moved into this folder. */
  readonly isFuture: boolean;
}

export interface LogDir extends Outcome {
  readonly nodeId: number;
  readonly path: string;
  /** -1 where the broker does not say. */
  readonly totalBytes: number;
  readonly usableBytes: number;
  readonly partitions: readonly LogDirPartition[];
}

export class LogDirAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  /** Of all brokers; all partitions, or some. */
  async describe(partitions: readonly TopicPartition[] | null = null): Promise<LogDir[]> {
    const topics =
      partitions === null
        ? null
        : topicsOf(partitions, ({ partition }) => partition).map(({ name, partitions: some }) => ({
            topic: name,
            partitions: some,
          }));
    const lists = await this.#requests.toAll('describing data folders', async (connection, { nodeId }) => {
      const answer = await connection.request(describeLogDirs, { topics });
      checkAnswer(answer.errorCode, `describing data folders of broker ${nodeId}`);
      return answer.results.map((dir) => ({
        nodeId,
        path: dir.logDir,
        totalBytes: dir.totalBytes,
        usableBytes: dir.usableBytes,
        error: errorOf(dir.errorCode, `folder ${dir.logDir} of broker ${nodeId}`, null),
        partitions: dir.topics.flatMap(({ name: topic, partitions: some }) =>
          some.map(({ partitionIndex: partition, partitionSize, offsetLag, isFutureKey }) => ({
            topic,
            partition,
            bytes: partitionSize,
            offsetLag,
            isFuture: isFutureKey,
          })),
        ),
      }));
    });
    return lists.flat();
  }
}
