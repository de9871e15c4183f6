/**
 * A member of a classic group. The broker only gathers and hands on: members join a generation, the first of them learns
 * what all want and shares the partitions out, and everybody fetches his part.
 *
 *     out ── JoinGroup ──▶ joining ── SyncGroup ──▶ stable ── "the group rebalances" ──▶ joining …
 *      ▲                                              │
 *      └────────── expelled, fenced, too slow ────────┘
 *
 * With an eager assignor all partitions are given up before joining; with a cooperative one only what others get, after
 * which the group meets once more.
 */

import type { ResponseOf } from '../../protocol/api.ts';
import { errorCode } from '../../protocol/errors.ts';
import { joinGroup } from '../../protocol/schemas/11-join-group.ts';
import { heartbeat } from '../../protocol/schemas/12-heartbeat.ts';
import { leaveGroup } from '../../protocol/schemas/13-leave-group.ts';
import { syncGroup } from '../../protocol/schemas/14-sync-group.ts';
import { AnswerError, checkAnswer, errorCodeOf, mayRetry } from '../answer-error.ts';
import { retrying } from '../backoff.ts';
import type { Connection } from '../connection.ts';
import { type CoordinatorFinder, isCoordinatorLost } from '../coordinator-finder.ts';
import type { GroupIdentity } from '../group-offsets.ts';
import type { ClusterView } from '../metadata.ts';
import type { TopicPartition } from '../record.ts';
import { assignorOf, isCooperative } from './assignors.ts';
import type { AssignorName, ConsumerSettings } from './consumer-options.ts';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts';
import { type GroupMember, type Interest, type MemberEvents, without } from './group-member.ts';
import { HeartbeatTimer } from './heartbeat-timer.ts';

const PROTOCOL_TYPE = 'consumer';
const NO_GENERATION = -1;
/** On top of the rebalance itself, for the way there and back. */
const ANSWER_MS = 10_000;
const MANY_LEAVE_SINCE = 3;

/** The group does not know us any more: begin anew, without what we had. */
const EXPELLED: ReadonlySet<number> = new Set([errorCode.UNKNOWN_MEMBER_ID, errorCode.ILLEGAL_GENERATION]);
/** Join again at once, as who we are. */
const AGAIN: ReadonlySet<number> = new Set([errorCode.REBALANCE_IN_PROGRESS, errorCode.MEMBER_ID_REQUIRED]);

export class ClassicMember implements GroupMember {
  readonly #groupId: string;
  readonly #cluster: ClusterView;
  readonly #coordinators: CoordinatorFinder;
  readonly #settings: ConsumerSettings;
  readonly #events: MemberEvents;
  readonly #heartbeats: HeartbeatTimer;
  #memberId = '';
  #generationId = NO_GENERATION;
  #assignor: AssignorName | null = null;
  #interest: Interest = { topics: [], pattern: null };
  #owned: TopicPartition[] = [];
  #mustJoin = true;
  /** What the heartbeat learned and `tick` has to draw the consequences of. */
  #failure: unknown = null;
  #joining: Promise<void> | null = null;
  /** A request that the broker holds back is under way: it counts as a sign of life. */
  #isWaiting = false;
  #polledAtMs = Date.now();
  #isGone = false;

  constructor(
    groupId: string,
    cluster: ClusterView,
    coordinators: CoordinatorFinder,
    settings: ConsumerSettings,
    events: MemberEvents,
  ) {
    this.#groupId = groupId;
    this.#cluster = cluster;
    this.#coordinators = coordinators;
    this.#settings = settings;
    this.#events = events;
    this.#heartbeats = new HeartbeatTimer(settings.heartbeatIntervalMs, () => this.#beat());
  }

  get identity(): GroupIdentity {
    return {
      groupId: this.#groupId,
      generationId: this.#generationId,
      memberId: this.#memberId,
      groupInstanceId: this.#settings.groupInstanceId,
    };
  }

  get isDue(): boolean {
    return this.#mustJoin || this.#failure !== null || this.#joining !== null;
  }

  changeInterest(interest: Interest): void {
    this.#interest = interest;
    this.#mustJoin = true;
  }

  async tick(): Promise<void> {
    this.#polledAtMs = Date.now();
    if (!this.isDue || this.#isGone) return;
    this.#joining ??= this.#settle().finally(() => {
      this.#joining = null;
      this.#events.wake();
    });
    await this.#joining;
  }

  async leave(): Promise<void> {
    this.#isGone = true;
    this.#heartbeats.stop();
    const held = this.#owned;
    this.#owned = [];
    if (held.length > 0) await this.#events.revoked(held);
    const { memberId } = this.identity;
    if (memberId === '' || this.#settings.groupInstanceId !== null) return;
    await this.#ask(async (connection) => {
      const version = connection.versionOf(leaveGroup);
      const groupId = this.#groupId;
      const body =
        version >= MANY_LEAVE_SINCE
          ? { groupId, memberId: '', members: [{ memberId, groupInstanceId: null, reason: 'the consumer is closed' }] }
          : { groupId, memberId, members: [] };
      const answer = await connection.request(leaveGroup, body, version);
      if (!EXPELLED.has(answer.errorCode)) checkAnswer(answer.errorCode, `leaving group ${groupId}`);
    });
    this.#memberId = '';
    this.#generationId = NO_GENERATION;
  }

  // ── joining ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #settle(): Promise<void> {
    if (this.#failure !== null) await this.#drawConsequences();
    const options = this.#retryOptions(this.#settings.pollIntervalMsMax + this.#settings.apiTimeoutMs);
    while (this.#mustJoin && !this.#isGone) {
      try {
        await this.#giveUpBeforeJoining();
        await retrying(`joining group ${this.#groupId}`, options, () => this.#joinOnce());
      } catch (error) {
        this.#mustJoin = true;
        const code = errorCodeOf(error);
        if (AGAIN.has(code)) continue;
        if (!EXPELLED.has(code)) throw error;
        await this.#loseAll(error);
      }
    }
  }

  async #drawConsequences(): Promise<void> {
    const failure = this.#failure;
    this.#failure = null;
    this.#mustJoin = true;
    await this.#loseAll(failure);
    if (!EXPELLED.has(errorCodeOf(failure)) && failure !== TOO_SLOW) throw failure;
  }

  async #loseAll(failure: unknown): Promise<void> {
    this.#heartbeats.stop();
    this.#generationId = NO_GENERATION;
    if (errorCodeOf(failure) !== errorCode.ILLEGAL_GENERATION) this.#memberId = '';
    const lost = this.#owned;
    this.#owned = [];
    if (lost.length > 0) await this.#events.lost(lost);
  }

  async #giveUpBeforeJoining(): Promise<void> {
    const canKeep = this.#settings.assignors.every(isCooperative);
    const given = canKeep ? this.#owned.filter(({ topic }) => !this.#interest.topics.includes(topic)) : this.#owned;
    if (given.length === 0) return;
    this.#owned = without(this.#owned, given);
    await this.#events.revoked(given);
  }

  async #joinOnce(): Promise<void> {
    const interest = this.#interest;
    const joined = await this.#join();
    this.#mustJoin = interest !== this.#interest;
    // The answer may have been long in coming, and the broker counts from now on.
    this.#heartbeats.start();
    const assignments = joined.leader === joined.memberId && !joined.skipAssignment ? await this.#shareOut(joined) : [];
    const assigned = await this.#sync(joined, assignments);
    await this.#take(assigned);
  }

  async #join(): Promise<ResponseOf<typeof joinGroup>> {
    const { sessionTimeoutMs, pollIntervalMsMax, groupInstanceId, assignors, rackId } = this.#settings;
    const connection = await this.#coordinators.connection('group', this.#groupId, 'group');
    const metadata = encodeSubscription({
      topics: this.#interest.topics,
      owned: this.#owned,
      generationId: this.#generationId,
      rackId,
    });
    const joined = await this.#noting(
      connection.request(
        joinGroup,
        {
          groupId: this.#groupId,
          sessionTimeoutMs,
          rebalanceTimeoutMs: pollIntervalMsMax,
          memberId: this.#memberId,
          groupInstanceId,
          protocolType: PROTOCOL_TYPE,
          protocols: assignors.map((name) => ({ name, metadata })),
          reason: '',
        },
        undefined,
        pollIntervalMsMax + ANSWER_MS,
      ),
    );
    if (joined.errorCode === errorCode.MEMBER_ID_REQUIRED) this.#memberId = joined.memberId;
    this.#checkCoordinated(joined.errorCode, 'joining');
    this.#memberId = joined.memberId;
    this.#generationId = joined.generationId;
    this.#assignor = this.#settings.assignors.find((name) => name === joined.protocolName) ?? null;
    if (this.#assignor === null)
      throw new AnswerError(
        errorCode.INCONSISTENT_GROUP_PROTOCOL,
        `group ${this.#groupId} chose ${joined.protocolName}`,
      );
    return joined;
  }

  async #shareOut(
    joined: ResponseOf<typeof joinGroup>,
  ): Promise<{ readonly memberId: string; readonly assignment: Uint8Array }[]> {
    const members = joined.members.map(({ memberId, groupInstanceId, metadata }) => ({
      memberId,
      groupInstanceId,
      ...decodeSubscription(metadata),
    }));
    const topics = [...new Set(members.flatMap((member) => member.topics))];
    await this.#cluster.refresh(topics);
    const counts = new Map<string, number>();
    for (const topic of topics) {
      const view = this.#cluster.peek(topic);
      if (view !== null) counts.set(topic, view.partitions.length);
    }
    const assign = assignorOf(this.#assignor ?? 'range');
    return [...assign(members, counts)].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }));
  }

  async #sync(
    joined: ResponseOf<typeof joinGroup>,
    assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[],
  ): Promise<TopicPartition[]> {
    const connection = await this.#coordinators.connection('group', this.#groupId, 'group');
    const synced = await this.#noting(
      connection.request(
        syncGroup,
        {
          groupId: this.#groupId,
          generationId: joined.generationId,
          memberId: joined.memberId,
          groupInstanceId: this.#settings.groupInstanceId,
          protocolType: PROTOCOL_TYPE,
          protocolName: joined.protocolName,
          assignments,
        },
        undefined,
        this.#settings.pollIntervalMsMax + ANSWER_MS,
      ),
    );
    this.#checkCoordinated(synced.errorCode, 'fetching the assignment');
    return decodeAssignment(synced.assignment);
  }

  async #take(assigned: readonly TopicPartition[]): Promise<void> {
    const held = this.#owned;
    const given = without(held, assigned);
    const taken = without(assigned, held);
    this.#owned = without(held, given);
    if (given.length > 0) await this.#events.revoked(given);
    // Others wait for what we gave up.
    if (given.length > 0 && this.#assignor !== null && isCooperative(this.#assignor)) this.#mustJoin = true;
    this.#owned = [...this.#owned, ...taken];
    await this.#events.assigned(taken);
  }

  // ── staying ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #beat(): Promise<void> {
    if (this.#memberId === '' || this.#failure !== null || this.#isWaiting) return;
    if (Date.now() - this.#polledAtMs > this.#settings.pollIntervalMsMax) {
      await this.#leaveBecauseSlow();
      return;
    }
    const { generationId, memberId } = this.identity;
    try {
      const connection = await this.#coordinators.connection('group', this.#groupId, 'group');
      const { groupInstanceId, sessionTimeoutMs } = this.#settings;
      const body = { groupId: this.#groupId, generationId, memberId, groupInstanceId };
      const answer = await this.#noting(connection.request(heartbeat, body, undefined, sessionTimeoutMs));
      this.#checkCoordinated(answer.errorCode, 'heartbeat');
    } catch (error) {
      if (generationId !== this.#generationId || this.#isGone) return;
      if (errorCodeOf(error) === errorCode.REBALANCE_IN_PROGRESS) this.#mustJoin = true;
      else if (mayRetry(error)) return;
      else this.#failure = error;
      this.#events.wake();
    }
  }

  async #leaveBecauseSlow(): Promise<void> {
    this.#failure = TOO_SLOW;
    const { memberId } = this.identity;
    const { groupInstanceId } = this.#settings;
    const members = [{ memberId, groupInstanceId, reason: 'the program does not poll' }];
    await this.#ask(async (connection) => {
      const version = connection.versionOf(leaveGroup);
      const isMany = version >= MANY_LEAVE_SINCE;
      const groupId = this.#groupId;
      await connection.request(
        leaveGroup,
        { groupId, memberId: isMany ? '' : memberId, members: isMany ? members : [] },
        version,
      );
    }).catch(() => {});
    this.#events.wake();
  }

  /** Who cannot be reached, or says that he is not the coordinator, is asked for anew. */
  async #noting<T>(answer: Promise<T>): Promise<T> {
    this.#isWaiting = true;
    try {
      return await answer;
    } catch (error) {
      this.#coordinators.forget('group', this.#groupId);
      throw error;
    } finally {
      this.#isWaiting = false;
    }
  }

  #checkCoordinated(code: number, what: string): void {
    if (code === 0) return;
    const error = new AnswerError(code, `group ${this.#groupId}, ${what}`);
    if (isCoordinatorLost(error)) this.#coordinators.forget('group', this.#groupId);
    throw error;
  }

  /** What must not wait behind a join that the broker holds back. */
  #ask<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#coordinators.ask('group', this.#groupId, this.#retryOptions(this.#settings.apiTimeoutMs), ask);
  }

  #retryOptions(ms: number): { deadlineMs: number; retryBackoffMs: number; retryBackoffMaxMs: number } {
    const { retryBackoffMs, retryBackoffMaxMs } = this.#settings;
    return { deadlineMs: Date.now() + ms, retryBackoffMs, retryBackoffMaxMs };
  }
}

const TOO_SLOW = new AnswerError(errorCode.UNKNOWN_MEMBER_ID, 'the program did not poll in time and left the group');
