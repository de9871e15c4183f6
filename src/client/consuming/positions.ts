/**
 * Finds out where to begin: for partitions without a position the offset their group committed, else the end of the log
 * that the settings name. Called by the consumer before it fetches; one call at a time.
 */
import { errorCode } from '../../protocol/errors.ts';
import { AnswerError } from '../answer-error.ts';
import type { CoordinatorFinder } from '../coordinator-finder.ts';
import { fetchOffsets, type GroupIdentity } from '../group-offsets.ts';
import type { ClusterView } from '../metadata.ts';
import { findOffsets } from '../offset-lookup.ts';
import type { TopicPartition } from '../record.ts';
import type { ConsumerSettings } from './consumer-options.ts';
import { type PartitionState, type PartitionTable, UNKNOWN_OFFSET } from './partition-table.ts';

export class Positions {
  readonly #cluster: ClusterView;
  readonly #coordinators: CoordinatorFinder;
  readonly #settings: ConsumerSettings;
  readonly #table: PartitionTable;
  readonly #identity: () => GroupIdentity | null;

  constructor(
    cluster: ClusterView,
    coordinators: CoordinatorFinder,
    settings: ConsumerSettings,
    table: PartitionTable,
    identity: () => GroupIdentity | null,
  ) {
    this.#cluster = cluster;
    this.#coordinators = coordinators;
    this.#settings = settings;
    this.#table = table;
    this.#identity = identity;
  }

  get areKnown(): boolean {
    for (const state of this.#table.states) if (state.position === UNKNOWN_OFFSET) return false;
    return true;
  }

  async find(): Promise<void> {
    await this.#takeCommitted();
    const resets: { state: PartitionState; round: number; time: 'earliest' | 'latest' }[] = [];
    for (const state of this.#table.states) {
      if (state.position !== UNKNOWN_OFFSET) continue;
      const time = state.resetTo ?? this.#settings.autoOffsetReset;
      if (time === 'none')
        throw new AnswerError(errorCode.OFFSET_OUT_OF_RANGE, `${state.place} has no committed offset`, 'seek to one');
      resets.push({ state, round: state.round, time });
    }
    if (resets.length === 0) return;
    const wishes = resets.map(({ state: { topic, partition }, time }) => ({ topic, partition, time }));
    const { isReadCommitted } = this.#settings;
    const found = await findOffsets(this.#cluster, wishes, { ...this.#retryOptions(), isReadCommitted });
    for (const [index, { state, round }] of resets.entries()) {
      if (state.round === round) state.moveTo(found[index]?.offset ?? 0);
    }
  }

  /** What the group has committed; partitions without an offset are left out. */
  async committed(partitions: readonly TopicPartition[]): ReturnType<typeof fetchOffsets> {
    const group = this.#identity();
    if (group === null || partitions.length === 0) return [];
    // Offsets that an open transaction may still change are waited for.
    return this.#coordinators.ask('group', group.groupId, this.#retryOptions(), (connection) =>
      fetchOffsets(connection, { group: { ...group, memberId: '' }, partitions, isStable: true }),
    );
  }

  async #takeCommitted(): Promise<void> {
    const unknown = [...this.#table.states].filter(
      (state) => state.position === UNKNOWN_OFFSET && state.resetTo === null,
    );
    const rounds = new Map(unknown.map((state) => [state.place, state.round]));
    for (const { topic, partition, offset } of await this.committed(unknown)) {
      const state = this.#table.find(topic, partition);
      if (state === null || state.round !== rounds.get(state.place)) continue;
      state.moveTo(offset);
      state.committed = offset;
    }
  }

  #retryOptions(): { deadlineMs: number; retryBackoffMs: number; retryBackoffMaxMs: number } {
    const { apiTimeoutMs, retryBackoffMs, retryBackoffMaxMs } = this.#settings;
    return { deadlineMs: Date.now() + apiTimeoutMs, retryBackoffMs, retryBackoffMaxMs };
  }
}
