/**
 * The consumer that programs use: subscribe or assign, then iterate over records or batches, or poll. Fetching goes on
 * ahead in the background; everything else, joining and leaving partitions included, happens while the program polls or
 * iterates, so that no partition is taken away while its records are being worked on. Made by `Client.consumer`.
 */
import { Fault } from '../../base/fault.ts';
import { errorCode } from '../../protocol/errors.ts';
import { errorCodeOf } from '../answer-error.ts';
import { pause, within } from '../backoff.ts';
import type { CoordinatorFinder } from '../coordinator-finder.ts';
import {
  type CommittedOffset,
  commitOffsets,
  type GroupIdentity,
  nobodyIn,
  type OffsetToCommit,
} from '../group-offsets.ts';
import type { ClusterView } from '../metadata.ts';
import { type FoundOffset, findOffsets, type OffsetTime } from '../offset-lookup.ts';
import { type ConsumedRecord, placeOf, type TopicPartition } from '../record.ts';
import { BrokerAssignedMember } from './broker-assigned-member.ts';
import { ClassicMember } from './classic-member.ts';
import { type ConsumerOptions, type ConsumerSettings, settleConsumer } from './consumer-options.ts';
import type { OpenedBatch } from './fetched-chunk.ts';
import { Fetcher } from './fetcher.ts';
import type { GroupMember, MemberEvents } from './group-member.ts';
import { type PartitionState, PartitionTable, UNKNOWN_OFFSET } from './partition-table.ts';
import { Positions } from './positions.ts';
import { type Subscription, SubscriptionWatch } from './subscription.ts';

export interface ConsumedBatch extends TopicPartition {
  readonly records: readonly ConsumedRecord[];
  /** Where reading goes on, and what is committed when the program is done with the batch. */
  readonly nextOffset: number;
  readonly highWatermark: number;
}

export interface PollOptions {
  /** 0 looks only at what is there. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface TakenBatch {
  readonly state: PartitionState;
  readonly round: number;
  readonly batch: OpenedBatch;
}

const STALE_RETRY_MS = 50;
const WAIT_MS_MAX = 1000;

export class RecordConsumer {
  readonly #cluster: ClusterView;
  readonly #coordinators: CoordinatorFinder;
  readonly #settings: ConsumerSettings;
  readonly #table = new PartitionTable();
  readonly #fetcher: Fetcher;
  readonly #positions: Positions;
  readonly #waiting = new Set<() => void>();
  #watch: SubscriptionWatch | null = null;
  #member: GroupMember | null = null;
  #failures: unknown[] = [];
  #handedOut: TakenBatch | null = null;
  #commitAtMs = 0;
  #attending: Promise<void> | null = null;
  #isClosed = false;

  constructor(cluster: ClusterView, coordinators: CoordinatorFinder, options: ConsumerOptions = {}) {
    this.#cluster = cluster;
    this.#coordinators = coordinators;
    this.#settings = settleConsumer(options);
    this.#fetcher = new Fetcher(cluster, this.#settings, this.#table, {
      wake: () => this.#wake(),
      fail: (error) => this.#fail(error),
    });
    this.#positions = new Positions(cluster, coordinators, this.#settings, this.#table, () => this.#identityOrNull());
  }

  // ── what to read ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** As a member of the group: partitions come and go as members do. */
  subscribe(subscription: Subscription): void {
    this.#checkOpen();
    const { groupId, groupProtocol, metadataAgeMsMax } = this.#settings;
    if (groupId === null)
      throw new Fault('PB_BAD_SETTING', 'subscribing needs a groupId; or assign partitions by hand');
    if (this.#watch === null && this.#table.partitions.length > 0)
      throw new Fault('PB_BAD_SETTING', 'this consumer has partitions assigned by hand; use another one to subscribe');
    const isBrokers = groupProtocol === 'consumer';
    this.#watch = new SubscriptionWatch(this.#cluster, subscription, isBrokers, metadataAgeMsMax);
    const Member = isBrokers ? BrokerAssignedMember : ClassicMember;
    this.#member ??= new Member(groupId, this.#cluster, this.#coordinators, this.#settings, this.#memberEvents());
    this.#wake();
  }

  /** Exactly these, without a group's say. An `offset` is where reading begins. */
  assign(partitions: readonly (TopicPartition & { readonly offset?: number })[]): void {
    this.#checkOpen();
    if (this.#watch !== null)
      throw new Fault('PB_BAD_SETTING', 'this consumer is subscribed; use another one to assign by hand');
    const wanted = new Set(partitions.map(({ topic, partition }) => placeOf(topic, partition)));
    this.#table.remove(this.#table.partitions.filter(({ topic, partition }) => !wanted.has(placeOf(topic, partition))));
    this.#table.add(partitions);
    for (const { topic, partition, offset } of partitions)
      if (offset !== undefined) this.seek({ topic, partition }, offset);
    this.#wake();
  }

  assignment(): TopicPartition[] {
    return this.#table.partitions;
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const one of partitions) this.#held(one).isPaused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const one of partitions) this.#held(one).isPaused = false;
    this.#wake();
  }

  paused(): TopicPartition[] {
    return this.#table.partitions.filter((one) => this.#held(one).isPaused);
  }

  // ── where ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  seek(partition: TopicPartition, offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw new Fault('PB_BAD_SETTING', `${offset} is not an offset; seekToBeginning and seekToEnd find the ends`);
    this.#held(partition).moveTo(offset);
    this.#wake();
  }

  seekToBeginning(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const one of partitions) this.#held(one).moveToEnd('earliest');
    this.#wake();
  }

  seekToEnd(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const one of partitions) this.#held(one).moveToEnd('latest');
    this.#wake();
  }

  /** Of the next record to come; found out where it is not known yet. */
  async position(partition: TopicPartition): Promise<number> {
    const state = this.#held(partition);
    if (state.position === UNKNOWN_OFFSET) await this.#positions.find();
    return state.position;
  }

  /** Records that are there and not handed out; null until a fetch has told. */
  lag(partition: TopicPartition): number | null {
    const { position, highWatermark, stableOffset } = this.#held(partition);
    const end = this.#settings.isReadCommitted ? stableOffset : highWatermark;
    return position < 0 || end < 0 ? null : Math.max(0, end - position);
  }

  /** The offset that belongs to a time, for each partition; -1 where nothing is that young. */
  offsetsFor(partitions: readonly TopicPartition[], time: OffsetTime): Promise<FoundOffset[]> {
    const { isReadCommitted, apiTimeoutMs } = this.#settings;
    const wishes = partitions.map(({ topic, partition }) => ({ topic, partition, time }));
    return findOffsets(this.#cluster, wishes, { deadlineMs: Date.now() + apiTimeoutMs, isReadCommitted });
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The next batch with records in it; null when none came in time. Asking again says that the last one is done with. */
  async poll(options: PollOptions = {}): Promise<ConsumedBatch | null> {
    const taken = await this.#nextTaken(options);
    if (taken === null) return null;
    const { state, batch } = taken;
    state.position = batch.nextOffset;
    this.#handedOut = taken;
    const { topic, partition, highWatermark } = state;
    return { topic, partition, records: batch.records, nextOffset: batch.nextOffset, highWatermark };
  }

  /** Batches without end; ends when the signal fires or the consumer is closed. */
  async *batches(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<ConsumedBatch, void, void> {
    while (!this.#isOver(options.signal)) {
      const batch = await this.poll({ ...options, timeoutMs: WAIT_MS_MAX });
      if (batch !== null) yield batch;
    }
  }

  /** Records without end; a record is done with when the next one is asked for. */
  async *records(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<ConsumedRecord, void, void> {
    while (!this.#isOver(options.signal)) {
      const taken = await this.#nextTaken({ ...options, timeoutMs: WAIT_MS_MAX });
      if (taken === null) continue;
      const { state, round, batch } = taken;
      for (const record of batch.records) {
        state.position = record.offset + 1;
        yield record;
        // A seek, or the group, may have taken us elsewhere meanwhile.
        if (state.round === round) state.finished = record.offset + 1;
        if (this.#isOver(options.signal)) return;
        if (this.#member?.isDue === true) await this.#attend();
        if (state.round !== round) break;
      }
      if (state.round !== round) continue;
      state.position = batch.nextOffset;
      state.finished = batch.nextOffset;
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<ConsumedRecord, void, void> {
    return this.records();
  }

  // ── committing ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Commits these offsets; without any, the positions of all partitions. */
  async commit(offsets?: readonly OffsetToCommit[]): Promise<void> {
    const wanted = offsets ?? this.#positionsToCommit();
    if (wanted.length > 0) await this.#commit(wanted);
  }

  async committed(partitions: readonly TopicPartition[]): Promise<CommittedOffset[]> {
    this.groupIdentity();
    return this.#positions.committed(partitions);
  }

  /** What a producer needs to make this consumer's progress part of its transaction. */
  groupIdentity(): GroupIdentity {
    const identity = this.#identityOrNull();
    if (identity === null) throw new Fault('PB_BAD_SETTING', 'this consumer has no groupId');
    return identity;
  }

  /** Commits what is done with, if it commits by itself, leaves the group for up to `timeoutMs`, and closes the connections. */
  async close(timeoutMs: number = CLOSE_MS): Promise<void> {
    if (this.#isClosed) return;
    this.#finishHandedOut();
    this.#isClosed = true;
    this.#fetcher.stop();
    this.#wake();
    try {
      if (this.#member !== null) await within(this.#member.leave(), timeoutMs, 'leaving the group');
      else if (this.#settings.autoCommit)
        await within(this.#commit(this.#table.uncommitted()), timeoutMs, 'committing');
    } finally {
      this.#table.clear();
      await this.#cluster.close();
    }
  }

  #isOver(signal: AbortSignal | undefined): boolean {
    return this.#isClosed || signal?.aborted === true;
  }

  // ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #nextTaken({ timeoutMs = 0, signal }: PollOptions): Promise<TakenBatch | null> {
    const deadlineMs = Date.now() + timeoutMs;
    this.#finishHandedOut();
    for (;;) {
      this.#checkOpen();
      const failure = this.#failures.shift();
      if (failure !== undefined) throw failure;
      if (this.#hasToAttend(Date.now())) await this.#before(this.#attend(), deadlineMs, signal);
      const taken = this.#take();
      const nowMs = Date.now();
      const againMs = this.#fetcher.pump(nowMs);
      if (taken !== null) return taken;
      if (nowMs >= deadlineMs || signal?.aborted === true || this.#isClosed) return null;
      await this.#untilWoken(Math.min(deadlineMs, againMs, nowMs + WAIT_MS_MAX), signal);
    }
  }

  /** The group, the topics, the positions, the commit that is due: one round of it at a time. */
  #attend(): Promise<void> {
    this.#attending ??= this.#attendOnce()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#attending = null;
        this.#wake();
      });
    return this.#attending;
  }

  #hasToAttend(nowMs: number): boolean {
    if (this.#attending !== null || this.#member?.isDue === true || !this.#positions.areKnown) return true;
    if (this.#watch !== null && nowMs >= this.#watch.lookAtMs) return true;
    return this.#settings.autoCommit && nowMs >= this.#commitAtMs;
  }

  async #attendOnce(): Promise<void> {
    const nowMs = Date.now();
    if (this.#watch !== null && this.#member !== null) {
      if (nowMs >= this.#watch.lookAtMs && (await this.#watch.look(nowMs)))
        this.#member.changeInterest(this.#watch.interest);
      await this.#member.tick();
    }
    if (!this.#positions.areKnown) await this.#positions.find();
    if (this.#settings.autoCommit && nowMs >= this.#commitAtMs) {
      this.#commitAtMs = nowMs + this.#settings.autoCommitIntervalMs;
      // The next interval brings what this one could not.
      this.#commit(this.#table.uncommitted()).catch(() => {});
    }
  }

  /** Waits for a promise, but not beyond the deadline: it goes on, and the next poll waits again. */
  async #before(promise: Promise<void>, deadlineMs: number, signal: AbortSignal | undefined): Promise<void> {
    const end = new AbortController();
    const over = pause(
      deadlineMs - Date.now(),
      signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]),
    );
    try {
      // Where there is no time at all, what is at hand still counts.
      await Promise.race([promise, over]);
    } finally {
      end.abort();
    }
  }

  /** The next batch with records of a partition that is not paused; batches without any only move the position. */
  #take(): TakenBatch | null {
    for (const state of this.#table.states) {
      if (state.isPaused || state.position < 0) continue;
      for (let chunk = state.chunks[0]; chunk !== undefined; chunk = state.chunks[0]) {
        const batch = chunk.next();
        if (batch === null) {
          state.chunks.shift();
          continue;
        }
        const isWhole = (batch.records[0]?.offset ?? -1) >= state.position;
        const records = isWhole ? batch.records : batch.records.filter(({ offset }) => offset >= state.position);
        if (records.length === 0) {
          if (state.finished === state.position) state.finished = Math.max(state.finished, batch.nextOffset);
          state.position = Math.max(state.position, batch.nextOffset);
          continue;
        }
        state.leaderEpoch = records[0]?.leaderEpoch ?? -1;
        return { state, round: state.round, batch: { records, nextOffset: batch.nextOffset } };
      }
    }
    return null;
  }

  #finishHandedOut(): void {
    const taken = this.#handedOut;
    this.#handedOut = null;
    if (taken !== null && taken.state.round === taken.round) taken.state.finished = taken.batch.nextOffset;
  }

  #positionsToCommit(): OffsetToCommit[] {
    const offsets: OffsetToCommit[] = [];
    for (const { topic, partition, position: offset, leaderEpoch } of this.#table.states)
      if (offset >= 0) offsets.push({ topic, partition, offset, leaderEpoch });
    return offsets;
  }

  async #commit(offsets: readonly OffsetToCommit[]): Promise<void> {
    if (offsets.length === 0) return;
    const { groupId } = this.groupIdentity();
    const { apiTimeoutMs, retryBackoffMs, retryBackoffMaxMs } = this.#settings;
    const deadlineMs = Date.now() + apiTimeoutMs;
    // Not on the group's connection: a join that waits there would hold the commit up.
    const options = { deadlineMs, retryBackoffMs, retryBackoffMaxMs };
    for (;;) {
      try {
        await this.#coordinators.ask('group', groupId, options, (connection) =>
          commitOffsets(connection, this.groupIdentity(), offsets),
        );
        break;
      } catch (error) {
        // The epoch moved while the request was on its way; the heartbeat brings the new one.
        if (errorCodeOf(error) !== errorCode.STALE_MEMBER_EPOCH || Date.now() > deadlineMs) throw error;
        await pause(STALE_RETRY_MS);
      }
    }
    this.#table.noteCommitted(offsets);
  }

  #memberEvents(): MemberEvents {
    const { onAssigned, onRevoked, onLost, autoCommit } = this.#settings;
    return {
      wake: () => this.#wake(),
      assigned: async (partitions) => {
        this.#table.add(partitions);
        await onAssigned?.(partitions);
      },
      revoked: async (partitions) => {
        // What others will read again if it fails is no reason to stop the rebalance.
        if (autoCommit) await this.#commit(this.#table.uncommitted(partitions)).catch(() => {});
        try {
          await onRevoked?.(partitions);
        } finally {
          this.#table.remove(partitions);
        }
      },
      lost: async (partitions) => {
        this.#table.remove(partitions);
        await (onLost ?? onRevoked)?.(partitions);
      },
    };
  }

  #identityOrNull(): GroupIdentity | null {
    const { groupId } = this.#settings;
    return groupId === null ? null : (this.#member?.identity ?? nobodyIn(groupId));
  }

  #held({ topic, partition }: TopicPartition): PartitionState {
    const state = this.#table.find(topic, partition);
    if (state === null)
      throw new Fault('PB_BAD_SETTING', `${placeOf(topic, partition)} is not assigned to this consumer`);
    return state;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Fault('PB_CLOSED', 'the consumer is closed');
  }

  #fail(error: unknown): void {
    this.#failures = [...this.#failures.slice(-FAILURES_MAX), error];
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #untilWoken(dueMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, Math.max(0, dueMs - Date.now()));
      this.#waiting.add(end);
      signal?.addEventListener('abort', end, { once: true });
    });
  }
}

const FAILURES_MAX = 15;
const CLOSE_MS = 30_000;
