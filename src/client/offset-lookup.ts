/**
 * Finds offsets by time at the leaders of partitions, many at once. Consumers ask where to begin, the admin for anybody
 * who wants to know. A leader that moved is asked for anew until the deadline.
 */
import { errorCode } from '../protocol/errors.ts';
import {
  EARLIEST_TIMESTAMP,
  LATEST_TIMESTAMP,
  listOffsets,
  MAX_TIMESTAMP,
} from '../protocol/schemas/02-list-offsets.ts';
import { AnswerError, checkAnswer } from './answer-error.ts';
import { type RetryOptions, retrying } from './backoff.ts';
import { topicsOf } from './group-offsets.ts';
import type { ClusterView, Purpose } from './metadata.ts';
import { placeOf, type TopicPartition } from './record.ts';

/** Milliseconds since 1970, or one of the places that have names. */
export type OffsetTime = number | 'earliest' | 'latest' | 'max-timestamp';

export interface OffsetWish extends TopicPartition {
  readonly time: OffsetTime;
}

export interface FoundOffset extends TopicPartition {
  /** -1: no record is that young. */
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

export interface LookupOptions extends RetryOptions {
  readonly isReadCommitted: boolean;
  readonly purpose?: Purpose;
}

const NAMED_TIMES = { earliest: EARLIEST_TIMESTAMP, latest: LATEST_TIMESTAMP, 'max-timestamp': MAX_TIMESTAMP };

/** In the order of the wishes. */
export async function findOffsets(
  cluster: ClusterView,
  wishes: readonly OffsetWish[],
  options: LookupOptions,
): Promise<FoundOffset[]> {
  const found = new Map<string, FoundOffset>();
  await retrying('finding offsets', options, async () => {
    const missing = wishes.filter(({ topic, partition, time }) => !found.has(`${placeOf(topic, partition)} ${time}`));
    const byLeader = new Map<number, OffsetWish[]>();
    for (const wish of missing) {
      const { leaderId } = await cluster.partition(wish.topic, wish.partition);
      byLeader.set(leaderId, [...(byLeader.get(leaderId) ?? []), wish]);
    }
    const asked = [...byLeader].map(([leaderId, ofLeader]) => askLeader(cluster, leaderId, ofLeader, options, found));
    const results = await Promise.allSettled(asked);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return;
    for (const { topic } of missing) cluster.forget(topic);
    throw failed.reason;
  });
  return wishes.map(({ topic, partition, time }) => {
    const one = found.get(`${placeOf(topic, partition)} ${time}`);
    if (one === undefined)
      throw new AnswerError(errorCode.UNKNOWN_SERVER_ERROR, `offset of ${placeOf(topic, partition)}`);
    return one;
  });
}

async function askLeader(
  cluster: ClusterView,
  leaderId: number,
  wishes: readonly OffsetWish[],
  options: LookupOptions,
  found: Map<string, FoundOffset>,
): Promise<void> {
  const connection = await cluster.nodeConnection(leaderId, options.purpose);
  // A request has at most one wish for a partition, so that answers are told apart.
  const rounds = new Map<string, number>();
  const byRound: OffsetWish[][] = [];
  for (const wish of wishes) {
    const place = placeOf(wish.topic, wish.partition);
    const round = rounds.get(place) ?? 0;
    rounds.set(place, round + 1);
    const known = byRound[round];
    if (known === undefined) byRound[round] = [wish];
    else known.push(wish);
  }
  for (const round of byRound) {
    const answer = await connection.request(listOffsets, {
      isolationLevel: options.isReadCommitted ? 1 : 0,
      timeoutMs: Math.max(1, Math.round(options.deadlineMs - Date.now())),
      topics: topicsOf(round, ({ partition, time }) => ({
        partitionIndex: partition,
        timestamp: typeof time === 'number' ? time : NAMED_TIMES[time],
      })),
    });
    for (const { name: topic, partitions } of answer.topics) {
      for (const { partitionIndex: partition, errorCode: code, offset, timestamp, leaderEpoch } of partitions) {
        checkAnswer(code, `finding an offset of ${placeOf(topic, partition)}`);
        const wish = round.find((one) => one.topic === topic && one.partition === partition);
        if (wish === undefined) continue;
        found.set(`${placeOf(topic, partition)} ${wish.time}`, { topic, partition, offset, timestamp, leaderEpoch });
      }
    }
  }
}
