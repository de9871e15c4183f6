/**
 * Keeps records coming: one fetch on its way to each broker that leads partitions with room, the bytes put behind what
 * each partition has. It asks ahead of the reader, but never for a partition that has a full fetch waiting, nor beyond the
 * bound for all of them. What it cannot settle (a position that does not exist, a fault) it reports.
 */
import { errorCode, isRetriable } from '../../protocol/errors.ts';
import { ZERO_UUID } from '../../protocol/fields.ts';
import { fetch } from '../../protocol/schemas/01-fetch.ts';
import { AnswerError, mayRetry } from '../answer-error.ts';
import { backoffMs } from '../backoff.ts';
import { topicsOf } from '../group-offsets.ts';
import { type ClusterView, versionMaxFor } from '../metadata.ts';
import { placeOf } from '../record.ts';
import type { ConsumerSettings } from './consumer-options.ts';
import { type AbortedTransaction, FetchedChunk } from './fetched-chunk.ts';
import type { PartitionState, PartitionTable } from './partition-table.ts';

export interface FetcherEvents {
  /** Something came, or changed: whoever waits looks again. */
  readonly wake: () => void;
  readonly fail: (error: unknown) => void;
}

interface AskedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly state: PartitionState;
  readonly round: number;
  readonly offset: number;
}

interface FetchedPartition {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  readonly records: Uint8Array | null;
}

/** A broker may hold a fetch for its wait, and then has to answer. */
const ANSWER_MS = 30_000;
const LEARN_RETRY_MS = 100;

export class Fetcher {
  readonly #cluster: ClusterView;
  readonly #settings: ConsumerSettings;
  readonly #table: PartitionTable;
  readonly #events: FetcherEvents;
  readonly #busy = new Set<number>();
  readonly #attempts = new Map<number, number>();
  readonly #retryAtMs = new Map<number, number>();
  readonly #learning = new Set<string>();
  #isStopped = false;

  constructor(cluster: ClusterView, settings: ConsumerSettings, table: PartitionTable, events: FetcherEvents) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#table = table;
    this.#events = events;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Asks wherever something may be asked for. Returns when it wants to be called again without being woken. */
  pump(nowMs: number): number {
    if (this.#isStopped) return Number.POSITIVE_INFINITY;
    let againMs = Number.POSITIVE_INFINITY;
    let roomBytes = this.#settings.prefetchBytes - this.#table.bufferedBytes;
    const byLeader = new Map<number, AskedPartition[]>();
    for (const state of this.#table.states) {
      if (!this.#wants(state)) continue;
      if (state.retryAtMs > nowMs) {
        againMs = Math.min(againMs, state.retryAtMs);
        continue;
      }
      if (roomBytes <= 0) break;
      const leader = this.#leaderOf(state);
      if (leader < 0) againMs = Math.min(againMs, nowMs + LEARN_RETRY_MS);
      if (leader < 0 || this.#busy.has(leader)) continue;
      const retryAtMs = this.#retryAtMs.get(leader) ?? 0;
      if (retryAtMs > nowMs) {
        againMs = Math.min(againMs, retryAtMs);
        continue;
      }
      const { topic, partition, round, fetchOffset: offset } = state;
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), { topic, partition, state, round, offset }]);
      roomBytes -= this.#settings.partitionBytesMax;
    }
    for (const [leader, asked] of byLeader) {
      this.#busy.add(leader);
      for (const { state } of asked) state.isAsked = true;
      // Its failures are settled inside.
      void this.#fetchFrom(leader, asked);
    }
    return againMs;
  }

  #wants(state: PartitionState): boolean {
    if (state.isPaused || state.isAsked || state.fetchOffset < 0) return false;
    return state.bufferedBytes < this.#settings.partitionBytesMax;
  }

  #leaderOf({ topic, partition }: PartitionState): number {
    const leader = this.#cluster.peek(topic)?.partitions[partition]?.leaderId ?? -1;
    if (leader < 0) this.#learn(topic);
    return leader;
  }

  #learn(topic: string): void {
    if (this.#learning.has(topic)) return;
    this.#learning.add(topic);
    this.#cluster
      .refresh([topic])
      .then(
        (code) => {
          if (code !== 0 && !isRetriable(code)) this.#events.fail(new AnswerError(code, `topic ${topic}`));
        },
        // Nobody could be asked: the next pump tries again.
        () => {},
      )
      .finally(() => {
        this.#learning.delete(topic);
        this.#events.wake();
      });
  }

  async #fetchFrom(leader: number, asked: readonly AskedPartition[]): Promise<void> {
    try {
      await this.#exchange(leader, asked);
      this.#attempts.delete(leader);
    } catch (error) {
      if (!this.#isStopped) this.#noteFailure(leader, asked, error);
    }
    for (const { state, round } of asked) if (state.round === round) state.isAsked = false;
    this.#busy.delete(leader);
    if (this.#isStopped) return;
    this.#events.wake();
    this.pump(Date.now());
  }

  #noteFailure(leader: number, asked: readonly AskedPartition[], error: unknown): void {
    if (!mayRetry(error)) this.#events.fail(error);
    for (const { topic } of asked) this.#cluster.forget(topic);
    const attempts = this.#attempts.get(leader) ?? 0;
    this.#attempts.set(leader, attempts + 1);
    this.#retryAtMs.set(leader, Date.now() + backoffMs(attempts, this.#settings));
  }

  async #exchange(leader: number, asked: readonly AskedPartition[]): Promise<void> {
    const { fetchWaitMs, fetchBytesMin, fetchBytesMax, partitionBytesMax, isReadCommitted, rackId } = this.#settings;
    const connection = await this.#cluster.nodeConnection(leader, 'fetch');
    const topicIds = new Map(asked.map(({ topic }) => [topic, this.#cluster.peek(topic)?.topicId ?? ZERO_UUID]));
    const version = connection.versionOf(fetch, Math.min(...[...topicIds.values()].map(versionMaxFor)));
    const answer = await connection.request(
      fetch,
      {
        maxWaitMs: fetchWaitMs,
        minBytes: fetchBytesMin,
        maxBytes: fetchBytesMax,
        isolationLevel: isReadCommitted ? 1 : 0,
        rackId: rackId ?? '',
        topics: topicsOf(asked, ({ state, partition, offset }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: this.#cluster.peek(state.topic)?.partitions[partition]?.leaderEpoch ?? -1,
          fetchOffset: offset,
          partitionMaxBytes: partitionBytesMax,
        })).map((topic) => ({ ...topic, topicId: topicIds.get(topic.name) ?? ZERO_UUID })),
      },
      version,
      fetchWaitMs + ANSWER_MS,
    );
    if (answer.errorCode !== 0) throw new AnswerError(answer.errorCode, 'fetching');
    const byPlace = new Map(asked.map((one) => [one.state.place, one]));
    for (const topic of answer.topics) {
      const name = version >= 13 ? nameOf(topicIds, topic.topicId) : topic.name;
      for (const fetched of topic.partitions) {
        const one = byPlace.get(placeOf(name ?? '', fetched.partitionIndex));
        if (one !== undefined && one.state.round === one.round) this.#settle(one, fetched);
      }
    }
  }

  #settle({ state, offset }: AskedPartition, fetched: FetchedPartition): void {
    const code = fetched.errorCode;
    if (code !== 0) {
      this.#settleError(state, code);
      return;
    }
    state.highWatermark = fetched.highWatermark;
    state.stableOffset = fetched.lastStableOffset;
    state.startOffset = fetched.logStartOffset;
    const bytes = fetched.records;
    if (bytes === null || bytes.length === 0) return;
    const { isReadCommitted, checksCrc } = this.#settings;
    const { topic, partition } = state;
    const aborted = isReadCommitted ? (fetched.abortedTransactions ?? []) : null;
    const chunk = new FetchedChunk(bytes, { topic, partition, fromOffset: offset, aborted, checksCrc });
    if (chunk.endOffset < 0) return;
    state.chunks.push(chunk);
    state.fetchOffset = Math.max(state.fetchOffset, chunk.endOffset);
    this.#table.rotate(state);
  }

  #settleError(state: PartitionState, code: number): void {
    if (code === errorCode.OFFSET_OUT_OF_RANGE) {
      // What was fetched before is still good; the position is looked after when it has been read.
      state.retryAtMs = Date.now() + this.#settings.retryBackoffMs;
      if (state.chunks.length > 0) return;
      const { autoOffsetReset } = this.#settings;
      if (autoOffsetReset === 'none') {
        this.#events.fail(new AnswerError(code, `position ${state.position} of ${state.place}`));
      } else state.moveToEnd(autoOffsetReset);
      return;
    }
    state.retryAtMs = Date.now() + this.#settings.retryBackoffMs;
    this.#cluster.forget(state.topic);
    if (!isRetriable(code)) this.#events.fail(new AnswerError(code, `fetching ${state.place}`));
  }
}

function nameOf(topicIds: ReadonlyMap<string, string>, topicId: string): string | null {
  for (const [name, id] of topicIds) if (id === topicId) return name;
  return null;
}
