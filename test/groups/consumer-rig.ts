/**
 * A consumer group without a broker: decisions are made and their records applied at once; members are small clients that
 * say what they have and do what they are told, each at its own pace. Time stands still unless the test moves it.
 */
import { type Assignment, assignmentOf, listOf } from '../../src/groups/assignment.ts';
import { ConsumerGroup } from '../../src/groups/consumer-group.ts';
import { type HeartbeatAnswer, heartbeat } from '../../src/groups/consumer-heartbeat.ts';
import { fence, leave } from '../../src/groups/consumer-leave.ts';
import type { GroupEffect, Outcome } from '../../src/groups/group-outcome.ts';
import { GroupRefusal } from '../../src/groups/group-refusal.ts';
import type { ConsumerGroupSettings, GroupWorld } from '../../src/groups/group-world.ts';
import type { MemberHeartbeat } from '../../src/groups/member-heartbeat.ts';
import type { TopicView } from '../../src/groups/topic-view.ts';
import { resolvePatterns } from './pattern-rig.ts';

export const plainSettings: ConsumerGroupSettings = {
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5000,
  unsettledHeartbeatIntervalMs: 500,
  assignmentIntervalMs: 0,
  patternRefreshIntervalMs: 600_000,
  sizeMax: 100,
  classicSizeMax: 100,
  migrationPolicy: 'bidirectional',
  assignors: ['uniform', 'range'],
};

export class FakeTopics implements TopicView {
  version = 1;
  private readonly counts = new Map<string, number>();

  constructor(counts: { readonly [name: string]: number }) {
    for (const [name, count] of Object.entries(counts)) this.set(name, count);
  }

  set(name: string, partitionCount: number): void {
    this.counts.set(name, partitionCount);
    this.version++;
  }

  remove(name: string): void {
    this.counts.delete(name);
    this.version++;
  }

  names(): Iterable<string> {
    return this.counts.keys();
  }

  idOf(name: string): string | null {
    return this.counts.has(name) ? idOfName(name) : null;
  }

  nameOf(topicId: string): string | null {
    for (const name of this.counts.keys()) if (idOfName(name) === topicId) return name;
    return null;
  }

  partitionCountOf(topicId: string): number {
    const name = this.nameOf(topicId);
    return name === null ? 0 : (this.counts.get(name) ?? 0);
  }
}

/** 16 bytes, as ids of topics are. */
export function idOfName(name: string): string {
  return Buffer.from(name.padEnd(16, '.')).toString('base64url');
}

export class ConsumerRig {
  readonly group = new ConsumerGroup('group');
  readonly topics: FakeTopics;
  nowMs = 1_000_000;
  settings: ConsumerGroupSettings;
  /** Of the last decision. */
  effects: readonly GroupEffect[] = [];
  private idCount = 0;

  constructor(topics: { readonly [name: string]: number }, settings: Partial<ConsumerGroupSettings> = {}) {
    this.topics = new FakeTopics(topics);
    this.settings = { ...plainSettings, ...settings };
  }

  get world(): GroupWorld {
    return {
      topics: this.topics,
      settings: this.settings,
      nowMs: this.nowMs,
      newId: () => `generated-${++this.idCount}`,
    };
  }

  say(command: Partial<MemberHeartbeat> & { readonly memberId: string }): HeartbeatAnswer {
    const whole = { ...silentCommand, ...command };
    return this.take(
      whole.memberEpoch < 0 ? leave(this.group, whole, this.world) : heartbeat(this.group, whole, this.world),
    );
  }

  /** The error code of a heartbeat that is refused; the group is as it was before. */
  refused(command: Partial<MemberHeartbeat> & { readonly memberId: string }): number {
    try {
      this.say(command);
    } catch (error) {
      if (error instanceof GroupRefusal) return error.errorCode;
      throw error;
    }
    return 0;
  }

  expire(memberId: string): void {
    const member = this.group.members.get(memberId);
    if (member !== undefined) this.take(fence(this.group, [member], this.world, null));
  }

  topicsChanged(): void {
    this.group.isMetadataStale = true;
    this.group.arePatternsStale = true;
  }

  take<Answer>(outcome: Outcome<Answer>): Answer {
    for (const record of outcome.records) this.group.apply(record);
    this.effects = outcome.effects;
    for (const effect of outcome.effects) {
      if (effect.kind === 'metadata-fresh') this.group.isMetadataStale = false;
      if (effect.kind === 'resolve') resolvePatterns(this, effect.patterns);
    }
    return outcome.answer;
  }
}

/** A heartbeat that says nothing new. */
export const silentCommand: MemberHeartbeat = {
  groupId: 'group',
  memberId: '',
  memberEpoch: 0,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  topicNames: null,
  topicPattern: null,
  assignorName: null,
  owned: null,
  clientId: 'client',
  clientHost: '/127.0.0.1',
};

/** What a first heartbeat says at least. */
export const joining = { memberEpoch: 0, rebalanceTimeoutMs: 60_000, topicNames: ['t'], owned: [] } as const;

/** A member that reads what it is given and gives it up when told, one heartbeat at a time. */
export class RigMember {
  readonly id: string;
  readonly topicNames: readonly string[];
  epoch = 0;
  /** What it reads from at the moment. */
  owned = new Map<string, Set<number>>();
  private told: Assignment = new Map();
  private mustSayAll = false;
  private readonly rig: ConsumerRig;

  constructor(rig: ConsumerRig, id: string, topicNames: readonly string[]) {
    this.rig = rig;
    this.id = id;
    this.topicNames = topicNames;
  }

  /** `isLost`: the broker takes the heartbeat, but its answer does not arrive. */
  beat(isLost = false): void {
    const all = { rebalanceTimeoutMs: 60_000, topicNames: [...this.topicNames] };
    const answer = this.rig.say({
      memberId: this.id,
      memberEpoch: this.epoch,
      owned: this.epoch === 0 ? [] : listOf(this.owned),
      ...(this.epoch === 0 || this.mustSayAll ? all : {}),
    });
    // Who missed an answer says everything the next time, and hears everything.
    this.mustSayAll = isLost;
    if (isLost) return;
    this.epoch = answer.memberEpoch;
    if (answer.assignment !== null) this.told = assignmentOf(listOf(answer.assignment));
  }

  /** Stops reading what it was told to give up, then starts on what is new. */
  follow(): void {
    this.owned = new Map([...this.told].map(([topicId, partitions]) => [topicId, new Set(partitions)]));
  }

  stopReading(): void {
    this.owned = new Map();
    this.told = new Map();
  }

  abandon(): void {
    this.stopReading();
    this.epoch = 0;
  }
}
