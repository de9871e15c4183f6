/**
 * A share group takes records, accepts most and releases some. What was acknowledged as accepted is never given to anybody again,
 * whatever happens to the broker; what was not is given again, so that in the end every record was accepted by somebody.
 */
import { randomBytes } from 'node:crypto';
import { demand } from '../../../src/client/admin/admin-requests.ts';
import { checkAnswer } from '../../../src/client/answer-error.ts';
import type { Connection } from '../../../src/client/connection.ts';
import { Producer } from '../../../src/client/producer.ts';
import { shareGroupHeartbeat } from '../../../src/protocol/schemas/76-share-group-heartbeat.ts';
import { shareFetch } from '../../../src/protocol/schemas/78-share-fetch.ts';
import { shareAcknowledge } from '../../../src/protocol/schemas/79-share-acknowledge.ts';
import { type Actor, breathe, Hands, type Stage, type StopSign, untilBroken } from './actor.ts';
import { makeTopic } from './log-actors.ts';

const TOPIC = 'shared';
const GROUP = 'share-group';
const ACCEPT = 1;
const RELEASE = 2;
const RELEASE_PROBABILITY = 0.1;
/** Given out so often a record is not released any more: the next release may be its last. */
const DELIVERIES_MAX = 3;
const RECORDS_MAX = 20;
const LEAVE = -1;
const JOIN_WAIT_MS = 20_000;
/** Nobody holds anything after a start: what was not given out for so long never will be. */
const DRAIN_WAIT_MS = 15_000;
const LOOK_AGAIN_MS = 30;

interface Acquired {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryCount: number;
}

/** One member with its session. */
class Member {
  private readonly connection: Connection;
  private readonly topicId: string;
  private readonly memberId = randomBytes(16).toString('base64url');
  private sessionEpoch = 0;

  constructor(connection: Connection, topicId: string) {
    this.connection = connection;
    this.topicId = topicId;
  }

  async join(): Promise<void> {
    const deadlineMs = Date.now() + JOIN_WAIT_MS;
    for (let memberEpoch = 0; ; ) {
      const answer = await this.beat(memberEpoch, memberEpoch === 0 ? [TOPIC] : null);
      checkAnswer(answer.errorCode, 'joining', answer.errorMessage);
      memberEpoch = answer.memberEpoch;
      const hasPartition = answer.assignment?.topicPartitions.some(({ partitions }) => partitions.length > 0);
      if (hasPartition === true) return;
      if (Date.now() > deadlineMs) throw new Error('a member of a share group was assigned nothing');
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  leave(): Promise<unknown> {
    return this.beat(LEAVE, null);
  }

  async acquire(): Promise<readonly Acquired[]> {
    const answer = await this.connection.request(shareFetch, {
      groupId: GROUP,
      memberId: this.memberId,
      shareSessionEpoch: this.sessionEpoch,
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1 << 20,
      maxRecords: 100,
      batchSize: 100,
      topics: this.sessionEpoch === 0 ? this.partition([]) : [],
      forgottenTopicsData: [],
    });
    checkAnswer(answer.errorCode, 'fetching for a share group', answer.errorMessage);
    this.sessionEpoch += 1;
    const [partition] = answer.responses[0]?.partitions ?? [];
    checkAnswer(partition?.errorCode ?? 0, 'fetching for a share group', partition?.errorMessage ?? null);
    return partition?.acquiredRecords ?? [];
  }

  async settle(firstOffset: number, types: readonly number[]): Promise<void> {
    const batch = { firstOffset, lastOffset: firstOffset + types.length - 1, acknowledgeTypes: [...types] };
    const answer = await this.connection.request(shareAcknowledge, {
      groupId: GROUP,
      memberId: this.memberId,
      shareSessionEpoch: this.sessionEpoch,
      topics: this.partition([batch]),
    });
    checkAnswer(answer.errorCode, 'acknowledging', answer.errorMessage);
    this.sessionEpoch += 1;
    const [partition] = answer.responses[0]?.partitions ?? [];
    checkAnswer(partition?.errorCode ?? 0, 'acknowledging', partition?.errorMessage ?? null);
  }

  private partition(acknowledgementBatches: { firstOffset: number; lastOffset: number; acknowledgeTypes: number[] }[]) {
    return [{ topicId: this.topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches }] }];
  }

  private beat(memberEpoch: number, subscribedTopicNames: string[] | null) {
    const { memberId } = this;
    return this.connection.request(shareGroupHeartbeat, {
      groupId: GROUP,
      memberId,
      memberEpoch,
      subscribedTopicNames,
    });
  }
}

export class ShareActor implements Actor {
  readonly name = 'share group';
  readonly #stage: Stage;
  readonly #hands: Hands;
  readonly #producer: Producer;
  /** By offset: it was acknowledged that the record is done with. */
  readonly #accepted = new Set<number>();
  /** Accepted without an answer. */
  readonly #perhaps = new Set<number>();
  readonly #problems: string[] = [];
  #end = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#hands = new Hands(stage);
    this.#producer = new Producer(this.#hands.cluster);
  }

  async begin(): Promise<void> {
    await makeTopic(this.#hands, TOPIC, 1, {});
    const changes = [{ name: 'share.auto.offset.reset', value: 'earliest' }];
    demand(await this.#hands.patient.configs.alter([{ type: 'group', name: GROUP, changes }]));
  }

  async run(stop: StopSign): Promise<void> {
    await Promise.all([untilBroken(() => this.#write(stop)), untilBroken(() => this.#share(stop))]);
  }

  async verify(isFull: boolean): Promise<string[]> {
    if (isFull) await this.#drain();
    return this.#problems.splice(0);
  }

  lie(): void {
    // Records whose write nobody answered may have been stored and given out.
    let end = this.#end;
    for (const offset of this.#perhaps) end = Math.max(end, offset + 1);
    this.#end = end + 1;
  }

  get doneCount(): number {
    return this.#accepted.size;
  }

  counts(): string {
    return `${this.#accepted.size} records accepted in a share group`;
  }

  close(): Promise<void> {
    return this.#hands.close();
  }

  async #write(stop: StopSign): Promise<void> {
    const { random } = this.#stage;
    while (!stop.isStopped) {
      const value = Buffer.from('to be shared');
      const records = Array.from({ length: 1 + random.nextInt(RECORDS_MAX) }, () => ({
        key: null,
        value,
        timestamp: Date.now(),
      }));
      const { baseOffset } = await this.#producer.send(TOPIC, 0, records);
      this.#end = baseOffset + records.length;
      await breathe(random, 20);
    }
  }

  async #share(stop: StopSign): Promise<void> {
    const member = await this.#member();
    while (!stop.isStopped) {
      await this.#take(member, RELEASE_PROBABILITY);
      await breathe(this.#stage.random, 15);
    }
  }

  async #member(): Promise<Member> {
    const { topicId } = await this.#hands.cluster.topic(TOPIC);
    const member = new Member(await this.#hands.cluster.anyConnection('group'), topicId);
    await member.join();
    return member;
  }

  /** Takes what there is and settles all of it; returns how many records it was. */
  async #take(member: Member, releaseProbability: number): Promise<number> {
    let count = 0;
    for (const { firstOffset, lastOffset, deliveryCount } of await member.acquire()) {
      const types: number[] = [];
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        if (this.#accepted.has(offset)) this.#problems.push(`offset ${offset} was accepted and is given out again`);
        const mayRelease = deliveryCount < DELIVERIES_MAX && this.#stage.random.nextBoolean(releaseProbability);
        types.push(mayRelease ? RELEASE : ACCEPT);
        if (!mayRelease) this.#perhaps.add(offset);
      }
      await member.settle(firstOffset, types);
      for (const [at, type] of types.entries()) if (type === ACCEPT) this.#accepted.add(firstOffset + at);
      count += types.length;
    }
    return count;
  }

  /** Until nothing is left: what nobody accepted was lost. */
  async #drain(): Promise<void> {
    const member = await this.#member();
    const end = this.#end;
    for (let tookAtMs = Date.now(); this.#missing(end).length > 0 && Date.now() - tookAtMs < DRAIN_WAIT_MS; ) {
      if ((await this.#take(member, 0)) > 0) tookAtMs = Date.now();
      else await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
    this.#problems.push(...this.#missing(end));
    await member.leave();
  }

  #missing(end: number): string[] {
    for (let offset = 0; offset < end; offset++)
      if (!this.#accepted.has(offset) && !this.#perhaps.has(offset)) return [`offset ${offset} is given to nobody`];
    return [];
  }
}
