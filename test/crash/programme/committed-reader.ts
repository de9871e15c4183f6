/**
 * Reads a partition as a reader of committed records does: up to the stable offset, without what was aborted. The plain `Consumer`
 * gives everything; here the list of aborted transactions that comes with an answer is applied, as every client has to.
 */

import { batchesOf } from '../../../src/client/consumer.ts';
import type { ClusterView } from '../../../src/client/metadata.ts';
import { batchIsControl, batchIsTransactional, batchProducerId } from '../../../src/protocol/batch.ts';
import { type BatchRecord, memoryOver } from '../../../src/protocol/records.ts';
import { fetch } from '../../../src/protocol/schemas/01-fetch.ts';

const READ_COMMITTED = 1;
const BYTES_MAX = 1 << 20;
const NO_BYTES = new Uint8Array(0);

export interface CommittedRead {
  readonly records: readonly BatchRecord[];
  readonly stableOffset: number;
  readonly highWatermark: number;
  /** Behind the last batch that was read. */
  readonly nextOffset: number;
}

export async function readCommitted(
  cluster: ClusterView,
  topic: string,
  partition: number,
  from: number,
): Promise<CommittedRead> {
  const records: BatchRecord[] = [];
  for (let next = from; ; ) {
    const answer = await fetchOnce(cluster, topic, partition, next);
    const aborted = [...(answer.abortedTransactions ?? [])];
    const bytes = answer.records ?? NO_BYTES;
    const { view } = memoryOver(bytes);
    const before = next;
    let at = 0;
    for (const batch of batchesOf(bytes)) {
      const producerId = batchProducerId(view, at);
      // The list names where each begins; it ends with the first marker of its producer behind that.
      const index = aborted.findIndex((one) => one.producerId === producerId && one.firstOffset <= batch.baseOffset);
      if (index >= 0 && batchIsControl(view, at)) aborted.splice(index, 1);
      else if (index < 0 || !batchIsTransactional(view, at))
        records.push(...batch.records.filter(({ offset }) => offset >= from));
      at += view.getInt32(at + 8) + 12;
      next = batch.nextOffset;
    }
    const { lastStableOffset: stableOffset, highWatermark } = answer;
    if (next >= stableOffset || next === before) return { records, stableOffset, highWatermark, nextOffset: next };
  }
}

async function fetchOnce(cluster: ClusterView, topic: string, partition: number, fetchOffset: number) {
  const connection = await cluster.leaderConnection(topic, partition);
  const { topicId } = await cluster.topic(topic);
  const answer = await connection.request(fetch, {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: BYTES_MAX,
    isolationLevel: READ_COMMITTED,
    topics: [
      {
        name: topic,
        topicId,
        partitions: [
          {
            partitionIndex: partition,
            currentLeaderEpoch: -1,
            fetchOffset,
            logStartOffset: -1,
            partitionMaxBytes: BYTES_MAX,
          },
        ],
      },
    ],
    rackId: '',
  });
  const fetched = answer.topics[0]?.partitions[0];
  if (fetched === undefined || fetched.errorCode !== 0)
    throw new Error(`fetching ${topic}-${partition} from ${fetchOffset} was answered with ${fetched?.errorCode}`);
  return fetched;
}
