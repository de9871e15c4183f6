/**
 * A member of a group whose broker shares the partitions out (KIP-848). There is one request: a heartbeat says what is
 * wanted and held where that changed, its answer brings the epoch and, where it changed, what the member may hold now.
 *
 *     join (epoch 0) ──▶ member ── new assignment ──▶ give up, report ──▶ take, report ──▶ …
 *       ▲                  │
 *       └── fenced: lose all, join again under the same id
 *
 * The broker hands a partition on only when its holder has reported without it, so what an answer names is free to take.
 */
import { randomUUID } from 'node:crypto';
import type { ResponseOf } from '../../protocol/api.ts';
import { errorCode } from '../../protocol/errors.ts';
import { consumerGroupHeartbeat } from '../../protocol/schemas/68-consumer-group-heartbeat.ts';
import { AnswerError, errorCodeOf, mayRetry } from '../answer-error.ts';
import { type CoordinatorFinder, isCoordinatorLost } from '../coordinator-finder.ts';
import { type GroupIdentity, topicsOf } from '../group-offsets.ts';
import type { ClusterView } from '../metadata.ts';
import type { TopicPartition } from '../record.ts';
import type { ConsumerSettings } from './consumer-options.ts';
import { type GroupMember, type Interest, type MemberEvents, without } from './group-member.ts';
import { HeartbeatTimer } from './heartbeat-timer.ts';

const EPOCH_JOIN = 0;
const EPOCH_LEAVE = -1;
const EPOCH_LEAVE_FOR_NOW = -2;
const INTERVAL_MS_MIN = 10;
const LEARN_RETRY_MS = 100;

const FENCED: ReadonlySet<number> = new Set([errorCode.FENCED_MEMBER_EPOCH, errorCode.UNKNOWN_MEMBER_ID]);
/** A static member's old self has not left yet. */
const LATER: ReadonlySet<number> = new Set([errorCode.UNRELEASED_INSTANCE_ID]);

interface TopicIdPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export class BrokerAssignedMember implements GroupMember {
  readonly #groupId: string;
  readonly #cluster: ClusterView;
  readonly #coordinators: CoordinatorFinder;
  readonly #settings: ConsumerSettings;
  readonly #events: MemberEvents;
  readonly #heartbeats: HeartbeatTimer;
  readonly #memberId = randomUUID();
  #memberEpoch = EPOCH_JOIN;
  #interest: Interest = { topics: [], pattern: null };
  #reportedInterest: Interest | null = null;
  /** An empty pattern takes the old one back; versions without patterns must not see it. */
  #hadPattern = false;
  #owned: TopicPartition[] = [];
  readonly #topicIds = new Map<string, string>();
  /** Null: the broker knows what we own. */
  #toReport: readonly TopicPartition[] | null = null;
  #target: readonly TopicIdPartitions[] | null = null;
  #failure: unknown = null;
  #settling: Promise<void> | null = null;
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
      generationId: this.#memberEpoch,
      memberId: this.#memberId,
      groupInstanceId: this.#settings.groupInstanceId,
    };
  }

  get isDue(): boolean {
    return this.#target !== null || this.#failure !== null || this.#settling !== null;
  }

  changeInterest(interest: Interest): void {
    this.#interest = interest;
    this.#heartbeats.start();
    this.#heartbeats.hurry();
  }

  async tick(): Promise<void> {
    this.#polledAtMs = Date.now();
    if (!this.isDue || this.#isGone) return;
    this.#settling ??= this.#settle().finally(() => {
      this.#settling = null;
      this.#events.wake();
    });
    await this.#settling;
  }

  async leave(): Promise<void> {
    this.#isGone = true;
    this.#heartbeats.stop();
    const held = this.#owned;
    this.#owned = [];
    if (held.length > 0) await this.#events.revoked(held);
    if (this.#memberEpoch === EPOCH_JOIN) return;
    const memberEpoch = this.#settings.groupInstanceId === null ? EPOCH_LEAVE : EPOCH_LEAVE_FOR_NOW;
    await this.#exchange(memberEpoch, {});
    this.#memberEpoch = EPOCH_JOIN;
  }

  // ── what tick does ──────────────────────────────────────────────────────────────────────────────────────────────────

  async #settle(): Promise<void> {
    if (this.#failure !== null) {
      const failure = this.#failure;
      this.#failure = null;
      await this.#loseAll();
      if (failure !== TOO_SLOW && !FENCED.has(errorCodeOf(failure))) throw failure;
      this.#heartbeats.start();
      this.#heartbeats.hurry();
      return;
    }
    const target = this.#target;
    if (target === null) return;
    const named = await this.#namesOf(target);
    if (named === null) return;
    // A newer answer, if one came meanwhile, is settled by the next round.
    if (this.#target === target) this.#target = null;
    const given = without(this.#owned, named);
    const taken = without(named, this.#owned);
    if (given.length > 0) await this.#events.revoked(given);
    this.#owned = [...without(this.#owned, given), ...taken];
    this.#toReport = this.#owned;
    this.#heartbeats.hurry();
    await this.#events.assigned(taken);
  }

  async #loseAll(): Promise<void> {
    const lost = this.#owned;
    this.#owned = [];
    this.#target = null;
    this.#toReport = null;
    this.#reportedInterest = null;
    this.#memberEpoch = EPOCH_JOIN;
    if (lost.length > 0) await this.#events.lost(lost);
  }

  /** Null while a topic's name is not known yet: it was made a moment ago. */
  async #namesOf(target: readonly TopicIdPartitions[]): Promise<TopicPartition[] | null> {
    if (target.some(({ topicId }) => this.#cluster.nameOf(topicId) === null)) await this.#cluster.refresh(null);
    const named: TopicPartition[] = [];
    for (const { topicId, partitions } of target) {
      const topic = this.#cluster.nameOf(topicId);
      if (topic === null) {
        setTimeout(() => this.#events.wake(), LEARN_RETRY_MS).unref();
        return null;
      }
      this.#topicIds.set(topic, topicId);
      for (const partition of partitions) named.push({ topic, partition });
    }
    return named;
  }

  // ── heartbeats ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async #beat(): Promise<void> {
    if (this.#isGone || this.#failure !== null) return;
    if (Date.now() - this.#polledAtMs > this.#settings.pollIntervalMsMax) {
      this.#failure = TOO_SLOW;
      await this.#exchange(EPOCH_LEAVE, {}).catch(() => {});
      return;
    }
    const isJoin = this.#memberEpoch === EPOCH_JOIN;
    const interest = this.#interest;
    const owned = this.#toReport;
    const isNews = isJoin || interest !== this.#reportedInterest;
    try {
      const answer = await this.#exchange(this.#memberEpoch, {
        ...(isNews ? this.#wishes(interest) : {}),
        ...(isJoin ? { rebalanceTimeoutMs: this.#settings.pollIntervalMsMax, topicPartitions: [] } : {}),
        ...(!isJoin && owned !== null ? { topicPartitions: this.#byId(owned) } : {}),
      });
      if (this.#isGone) return;
      this.#reportedInterest = interest;
      this.#hadPattern ||= interest.pattern !== null;
      if (this.#toReport === owned) this.#toReport = null;
      this.#memberEpoch = answer.memberEpoch;
      this.#heartbeats.intervalMs = Math.max(INTERVAL_MS_MIN, answer.heartbeatIntervalMs);
      if (answer.assignment === null) return;
      this.#target = answer.assignment.topicPartitions;
      this.#events.wake();
    } catch (error) {
      if (this.#isGone || mayRetry(error) || LATER.has(errorCodeOf(error))) return;
      this.#failure = error;
      this.#events.wake();
    }
  }

  #wishes(interest: Interest): object {
    const { groupInstanceId, rackId, serverAssignor } = this.#settings;
    return {
      instanceId: groupInstanceId,
      rackId,
      serverAssignor,
      subscribedTopicNames: interest.topics,
      ...(interest.pattern === null && !this.#hadPattern ? {} : { subscribedTopicRegex: interest.pattern ?? '' }),
    };
  }

  #byId(owned: readonly TopicPartition[]): TopicIdPartitions[] {
    return topicsOf(owned, ({ partition }) => partition).flatMap(({ name, partitions }) => {
      const topicId = this.#topicIds.get(name);
      return topicId === undefined ? [] : [{ topicId, partitions }];
    });
  }

  async #exchange(memberEpoch: number, news: object): Promise<ResponseOf<typeof consumerGroupHeartbeat>> {
    try {
      const connection = await this.#coordinators.connection('group', this.#groupId, 'group');
      const { groupInstanceId: instanceId } = this.#settings;
      const fixed = { groupId: this.#groupId, memberId: this.#memberId, memberEpoch, instanceId };
      const answer = await connection.request(consumerGroupHeartbeat, { ...fixed, ...news });
      if (answer.errorCode !== 0)
        throw new AnswerError(answer.errorCode, `group ${this.#groupId}, heartbeat`, answer.errorMessage);
      return answer;
    } catch (error) {
      if (isCoordinatorLost(error)) this.#coordinators.forget('group', this.#groupId);
      throw error;
    }
  }
}

const TOO_SLOW = new AnswerError(errorCode.UNKNOWN_MEMBER_ID, 'the program did not poll in time and left the group');
