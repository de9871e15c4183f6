/**
 * A member of a consumer group (KIP-848): one request in which it joins, stays, gives back what it is to give back, and
 * leaves. No partition is given to one member while another has it, and whoever was put out commits nothing for it.
 */

import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { consumerGroupHeartbeat } from '../../src/protocol/schemas/68-consumer-group-heartbeat.ts';
import type { Prng } from '../support/prng.ts';
import { mayComeAgain, untilFound } from './client-manners.ts';
import { commit } from './committer.ts';
import { type GroupOffsets, SESSION_MS } from './group-offsets.ts';
import { Membership } from './membership.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { demand } from './violation.ts';

const REBALANCE_MS = 60_000;
const LEAVING = -1;
const UNKNOWN_MEMBER = 25;
const GROUP_ID_NOT_FOUND = 69;
const FENCED = 110;
const STALE = 113;

interface Owner {
  readonly memberId: string;
  /** The coordinator heard of it so late at least that until then nobody else may have the partition. */
  untilMs: number;
  knownMs: number;
  life: number;
}

/** Who has which partition, as far as members were told. */
export class PartitionOwners {
  private readonly simulation: Simulation;
  private readonly offsets: GroupOffsets;
  private readonly owners = new Map<number, Owner>();

  constructor(simulation: Simulation, offsets: GroupOffsets) {
    this.simulation = simulation;
    this.offsets = offsets;
  }

  /** The member was told that it has these; it had asked at `askedMs`. */
  told(memberId: string, partitions: readonly number[], askedMs: number): void {
    const { trueMs: nowMs, history } = this.simulation;
    const untilMs = askedMs + SESSION_MS;
    // Of an answer that was long on its way nothing follows any more.
    if (nowMs > untilMs) return;
    for (const partition of partitions) {
      const owner = this.owners.get(partition);
      demand(
        owner === undefined || owner.memberId === memberId || nowMs >= owner.untilMs || this.isForgotten(owner),
        () => `${this.offsets.group}: partition ${partition} is given to ${memberId} while ${owner?.memberId} has it`,
      );
      this.owners.set(partition, { memberId, untilMs, knownMs: nowMs, life: history.life });
    }
  }

  /** It has asked, or is asking, for something that lets go of all but these. */
  keeps(memberId: string, partitions: readonly number[]): void {
    for (const [partition, owner] of this.owners)
      if (owner.memberId === memberId && !partitions.includes(partition)) this.owners.delete(partition);
  }

  /** One of them was given to another member. */
  isOver(memberId: string, partitions: readonly number[]): boolean {
    return partitions.some((partition) => {
      const owner = this.owners.get(partition);
      return owner !== undefined && owner.memberId !== memberId && !this.isForgotten(owner);
    });
  }

  private isForgotten({ knownMs, life }: Owner): boolean {
    return this.offsets.mayBeLost(knownMs, life);
  }
}

export async function consumerMember(
  simulation: Simulation,
  offsets: GroupOffsets,
  owners: PartitionOwners,
  name: string,
  random: Prng,
): Promise<void> {
  const member = new ConsumerMember(simulation, offsets, owners, name, random);
  while (simulation.isRunning) {
    const link = await simulation.connect();
    try {
      await link.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: [offsets.group] });
      while (simulation.isRunning && !link.isBroken) await member.work(link);
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

class ConsumerMember {
  private readonly simulation: Simulation;
  private readonly offsets: GroupOffsets;
  private readonly owners: PartitionOwners;
  private readonly memberId: string;
  private readonly random: Prng;
  private readonly membership: Membership;
  private topicId = '';
  private epoch = 0;
  private partitions: readonly number[] = [];

  constructor(simulation: Simulation, offsets: GroupOffsets, owners: PartitionOwners, memberId: string, random: Prng) {
    this.simulation = simulation;
    this.offsets = offsets;
    this.owners = owners;
    this.memberId = memberId;
    this.random = random;
    this.membership = new Membership(simulation, offsets);
  }

  async work(link: SimulatedLink): Promise<void> {
    const { simulation, random } = this;
    if (this.topicId === '') await this.lookUp(link);
    const dice = random.nextInt(24);
    if (dice === 0 && this.epoch > 0) await this.leave(link);
    else if (dice === 1) await simulation.pause(SESSION_MS + random.nextInt(2 * SESSION_MS));
    else if (dice < 12 || this.epoch <= 0) await this.beat(link);
    else await this.commitSome(link);
    await simulation.pause(random.nextInt(60));
  }

  private async lookUp(link: SimulatedLink): Promise<void> {
    const { name } = this.offsets.topic;
    const answer = await link.ask(metadata, 12, { topics: [{ name }], allowAutoTopicCreation: false });
    this.topicId = answer.topics[0]?.topicId ?? '';
  }

  private async beat(link: SimulatedLink): Promise<void> {
    const { simulation, offsets, owners, memberId, topicId, epoch, partitions } = this;
    const askedMs = simulation.trueMs;
    owners.keeps(memberId, partitions);
    const answer = await link.ask(consumerGroupHeartbeat, 1, {
      groupId: offsets.group,
      memberId,
      memberEpoch: epoch,
      rebalanceTimeoutMs: REBALANCE_MS,
      subscribedTopicNames: [offsets.topic.name],
      topicPartitions: partitions.length === 0 ? [] : [{ topicId, partitions }],
    });
    if (answer.errorCode !== 0) return await this.isRefused(link, answer.errorCode);
    this.membership.isKept(askedMs, answer.memberEpoch !== epoch);
    this.epoch = answer.memberEpoch;
    const given = answer.assignment?.topicPartitions.find((each) => each.topicId === topicId)?.partitions ?? [];
    if (answer.assignment === null) {
      owners.told(memberId, partitions, askedMs);
      return;
    }
    simulation.note(`${offsets.group}: ${memberId} has ${given.join(' ')} in ${answer.memberEpoch}`);
    simulation.book.count('assignments of consumers');
    // What it is to give back it has until it says so with the next request.
    owners.told(memberId, given, askedMs);
    const taken = given.filter((partition) => !partitions.includes(partition));
    this.partitions = given;
    await offsets.check(link, taken);
  }

  private async commitSome(link: SimulatedLink): Promise<void> {
    const { simulation, offsets, owners, memberId, epoch, partitions, random } = this;
    if (partitions.length === 0) return;
    const isOver = owners.isOver(memberId, partitions);
    const code = await commit(simulation, link, offsets, partitions, { memberId, epoch, version: 9 }, random);
    const isKept = code !== 0 || !isOver || !owners.isOver(memberId, partitions);
    demand(isKept, () => `${offsets.group}: ${memberId} commits for what was given to another`);
    if (isOver && code !== 0) simulation.book.count('late commits refused');
    if (code !== 0) await this.isRefused(link, code);
  }

  private async leave(link: SimulatedLink): Promise<void> {
    const { simulation, offsets, owners, memberId } = this;
    owners.keeps(memberId, []);
    this.partitions = [];
    this.membership.ends();
    const answer = await link.ask(consumerGroupHeartbeat, 1, {
      groupId: offsets.group,
      memberId,
      memberEpoch: LEAVING,
      topicPartitions: [],
    });
    simulation.note(`${offsets.group}: ${memberId} leaves -> ${answer.errorCode}`);
    if (answer.errorCode !== 0) await this.isRefused(link, answer.errorCode);
    this.epoch = 0;
  }

  private async isRefused(link: SimulatedLink, code: number): Promise<void> {
    const { simulation, offsets, owners, memberId } = this;
    if (code === STALE) return;
    if (code === UNKNOWN_MEMBER || code === GROUP_ID_NOT_FOUND || code === FENCED) {
      if (code !== FENCED) this.membership.isPutOut(memberId);
      this.membership.ends();
      owners.keeps(memberId, []);
      this.epoch = 0;
      this.partitions = [];
      return;
    }
    demand(mayComeAgain(simulation, code), `${offsets.group}: a member is answered with error ${code}`);
    await untilFound(simulation, link, 0, offsets.group);
  }
}
