/**
 * The partitions a consumer reads, and where it stands in each. Three places in a log matter: what was handed out
 * (`position`), what the program is done with (`finished`, the offset that is committed), and what was fetched ahead
 * (`fetchOffset`). A seek starts a new `round`, so that answers to what was asked before it are known for stale.
 */
import type { OffsetToCommit } from '../group-offsets.ts';
import { placeOf, type TopicPartition } from '../record.ts';
import type { FetchedChunk } from './fetched-chunk.ts';

export const UNKNOWN_OFFSET = -1;

export class PartitionState implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** UNKNOWN_OFFSET until it is found out. */
  position: number = UNKNOWN_OFFSET;
  finished: number = UNKNOWN_OFFSET;
  fetchOffset: number = UNKNOWN_OFFSET;
  /** What was last committed, so that nothing is committed twice. */
  committed: number = UNKNOWN_OFFSET;
  leaderEpoch = -1;
  round = 0;
  isPaused = false;
  /** A fetch that asks for this partition is on its way. */
  isAsked = false;
  retryAtMs = 0;
  highWatermark: number = UNKNOWN_OFFSET;
  stableOffset: number = UNKNOWN_OFFSET;
  startOffset: number = UNKNOWN_OFFSET;
  /** Set when the position does not exist, or when a seek asks for an end of the log. */
  resetTo: 'earliest' | 'latest' | null = null;
  readonly chunks: FetchedChunk[] = [];

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
  }

  get place(): string {
    return placeOf(this.topic, this.partition);
  }

  get bufferedBytes(): number {
    let bytes = 0;
    for (const chunk of this.chunks) bytes += chunk.bytes.length;
    return bytes;
  }

  /** Everything fetched and asked for is forgotten. */
  moveTo(offset: number): void {
    this.round++;
    this.position = offset;
    this.finished = offset;
    this.fetchOffset = offset;
    this.resetTo = null;
    this.chunks.length = 0;
    this.isAsked = false;
    this.retryAtMs = 0;
  }

  moveToEnd(end: 'earliest' | 'latest'): void {
    this.moveTo(UNKNOWN_OFFSET);
    this.resetTo = end;
  }
}

export class PartitionTable {
  readonly #states = new Map<string, PartitionState>();

  get states(): IterableIterator<PartitionState> {
    return this.#states.values();
  }

  get partitions(): TopicPartition[] {
    return [...this.#states.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  get bufferedBytes(): number {
    let bytes = 0;
    for (const state of this.#states.values()) bytes += state.bufferedBytes;
    return bytes;
  }

  find(topic: string, partition: number): PartitionState | null {
    return this.#states.get(placeOf(topic, partition)) ?? null;
  }

  add(partitions: readonly TopicPartition[]): void {
    for (const one of partitions) {
      const place = placeOf(one.topic, one.partition);
      if (!this.#states.has(place)) this.#states.set(place, new PartitionState(one));
    }
  }

  /** Handles to states that were taken out stay usable, but a new round says that they do not count. */
  remove(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const place = placeOf(topic, partition);
      this.#states.get(place)?.moveTo(UNKNOWN_OFFSET);
      this.#states.delete(place);
    }
  }

  clear(): void {
    this.remove(this.partitions);
  }

  /** Goes behind the others, so that all have their turn. */
  rotate(state: PartitionState): void {
    if (!this.#states.delete(state.place)) return;
    this.#states.set(state.place, state);
  }

  /** What the program is done with and has not committed; all partitions, or some. */
  uncommitted(among: readonly TopicPartition[] | null = null): OffsetToCommit[] {
    const wanted = among === null ? null : new Set(among.map(({ topic, partition }) => placeOf(topic, partition)));
    const offsets: OffsetToCommit[] = [];
    for (const state of this.#states.values()) {
      if (wanted !== null && !wanted.has(state.place)) continue;
      if (state.finished < 0 || state.finished === state.committed) continue;
      const { topic, partition, finished: offset, leaderEpoch } = state;
      offsets.push({ topic, partition, offset, leaderEpoch });
    }
    return offsets;
  }

  noteCommitted(offsets: readonly OffsetToCommit[]): void {
    for (const { topic, partition, offset } of offsets) {
      const state = this.find(topic, partition);
      if (state !== null) state.committed = offset;
    }
  }
}
