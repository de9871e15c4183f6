/**
 * A member of a classic group: joins, is given its part by whoever leads, commits for it, is silent for too long, leaves.
 * What the leader gave is what members get, generations only grow, and whoever has the generation of before commits nothing.
 */
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { heartbeat } from '../../src/protocol/schemas/12-heartbeat.ts';
import { leaveGroup } from '../../src/protocol/schemas/13-leave-group.ts';
import { syncGroup } from '../../src/protocol/schemas/14-sync-group.ts';
import type { Prng } from '../support/prng.ts';
import { manners, mayComeAgain, untilFound } from './client-manners.ts';
import { commit } from './committer.ts';
import { type GroupOffsets, SESSION_MS } from './group-offsets.ts';
import { Membership } from './membership.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { demand } from './violation.ts';

const UNKNOWN_MEMBER = 25;
const MEMBER_ID_REQUIRED = 79;
/** The group has gone on without it. */
const LEFT_BEHIND = new Set([22, UNKNOWN_MEMBER, 27]);

/** What all members of a group know together. */
export class ClassicGenerations {
  private readonly offsets: GroupOffsets;
  /** By generation and member: what leaders gave. A generation that nobody was told of may be formed again after a kill. */
  private readonly given = new Map<string, Set<string>>();
  private latest = { generation: -1, knownMs: 0, life: 0 };

  constructor(offsets: GroupOffsets) {
    this.offsets = offsets;
  }

  gives(generation: number, memberId: string, part: string): void {
    const key = `${generation} ${memberId}`;
    const parts = this.given.get(key) ?? new Set();
    this.given.set(key, parts.add(part));
  }

  /** A member was told its part, so the generation is written down. */
  told(generation: number, memberId: string, part: string, simulation: Simulation): void {
    const { group } = this.offsets;
    demand(
      this.given.get(`${generation} ${memberId}`)?.has(part) === true,
      () => `${group}: ${memberId} is given "${part}" in generation ${generation}, which its leader never did`,
    );
    if (generation <= this.latest.generation && !this.mayLatestBeLost) return;
    this.latest = { generation, knownMs: simulation.trueMs, life: simulation.history.life };
  }

  /** A later one was told to somebody. */
  isOver(generation: number): boolean {
    return generation < this.latest.generation && !this.mayLatestBeLost;
  }

  get mayLatestBeLost(): boolean {
    return this.offsets.mayBeLost(this.latest.knownMs, this.latest.life);
  }
}

/** What a member has. */
interface Part {
  readonly generation: number;
  readonly partitions: readonly number[];
}

export async function classicMember(
  simulation: Simulation,
  offsets: GroupOffsets,
  generations: ClassicGenerations,
  random: Prng,
): Promise<void> {
  const member = new ClassicMember(simulation, offsets, generations, random);
  while (simulation.isRunning) {
    const link = await simulation.connect(manners(random));
    try {
      await link.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: [offsets.group] });
      while (simulation.isRunning && !link.isBroken) await member.work(link);
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

class ClassicMember {
  private readonly simulation: Simulation;
  private readonly offsets: GroupOffsets;
  private readonly generations: ClassicGenerations;
  private readonly random: Prng;
  private readonly membership: Membership;
  private memberId = '';
  private part: Part | null = null;
  /** Of the generation before, which something in it may go on committing for. */
  private partBefore: Part | null = null;

  constructor(simulation: Simulation, offsets: GroupOffsets, generations: ClassicGenerations, random: Prng) {
    this.simulation = simulation;
    this.offsets = offsets;
    this.generations = generations;
    this.random = random;
    this.membership = new Membership(simulation, offsets);
  }

  async work(link: SimulatedLink): Promise<void> {
    const { simulation, random } = this;
    this.part ??= await this.join(link);
    if (this.part === null) return;
    const dice = random.nextInt(24);
    if (dice === 0) await this.leave(link);
    else if (dice === 1) await simulation.pause(SESSION_MS + random.nextInt(2 * SESSION_MS));
    else if (dice < 12) await this.beat(link, this.part);
    else if (dice < 15 && this.partBefore !== null) await this.commitSome(link, this.partBefore);
    else await this.commitSome(link, this.part);
    await simulation.pause(random.nextInt(60));
  }

  /** Null: it is to be tried again. */
  private async join(link: SimulatedLink): Promise<Part | null> {
    const { simulation, offsets, generations } = this;
    const answer = await link.ask(joinGroup, 7, {
      groupId: offsets.group,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: SESSION_MS,
      memberId: this.memberId,
      protocolType: 'simulated',
      protocols: [{ name: 'round', metadata: new Uint8Array(0) }],
    });
    const { errorCode: code, generationId, leader, memberId, members } = answer;
    simulation.note(`${offsets.group}: ${this.memberId} joins -> ${code} ${generationId} ${memberId}`);
    if (code === MEMBER_ID_REQUIRED) this.memberId = memberId;
    else if (code !== 0) await this.isRefused(link, code);
    if (code !== 0) return null;
    demand(!generations.isOver(generationId), () => `${offsets.group}: generation ${generationId} comes again`);
    this.memberId = memberId;
    const parts = leader === memberId ? this.shareOut(members.map((each) => each.memberId)) : new Map<string, string>();
    for (const [id, part] of parts) generations.gives(generationId, id, part);
    return await this.sync(link, generationId, parts);
  }

  private async sync(
    link: SimulatedLink,
    generation: number,
    parts: ReadonlyMap<string, string>,
  ): Promise<Part | null> {
    const { simulation, offsets, memberId } = this;
    const askedMs = simulation.trueMs;
    const answer = await link.ask(syncGroup, 4, {
      groupId: offsets.group,
      generationId: generation,
      memberId,
      assignments: Array.from(parts, ([id, part]) => ({ memberId: id, assignment: Buffer.from(part) })),
    });
    if (answer.errorCode !== 0) {
      await this.isRefused(link, answer.errorCode);
      return null;
    }
    const part = Buffer.from(answer.assignment).toString();
    simulation.note(`${offsets.group}: ${memberId} has ${part} in ${generation}`);
    this.generations.told(generation, memberId, part, simulation);
    this.membership.isKept(askedMs, true);
    simulation.book.count('parts given to members');
    const partitions = part === '' ? [] : part.split(' ').map(Number);
    await offsets.check(link, partitions);
    return { generation, partitions };
  }

  private shareOut(memberIds: readonly string[]): Map<string, string> {
    const { partitions } = this.offsets.topic;
    const parts = memberIds.map((id, place) => {
      const own = partitions.filter((_, index) => index % memberIds.length === place);
      return [id, own.map(({ partition }) => partition).join(' ')] as const;
    });
    return new Map(parts);
  }

  private async beat(link: SimulatedLink, { generation: generationId }: Part): Promise<void> {
    const { simulation, offsets, memberId } = this;
    const askedMs = simulation.trueMs;
    const answer = await link.ask(heartbeat, 4, { groupId: offsets.group, generationId, memberId });
    if (answer.errorCode !== 0) return await this.isRefused(link, answer.errorCode);
    // A group that loads has a good word for everybody: it says nothing to whoever may be out already.
    const isIn = !this.generations.isOver(generationId) && this.membership.isSureAt(askedMs);
    if (isIn) this.membership.isKept(askedMs, false);
  }

  private async commitSome(link: SimulatedLink, part: Part): Promise<void> {
    const { simulation, offsets, generations, memberId, random } = this;
    const { generation, partitions } = part;
    if (partitions.length === 0) return;
    const isOver = generations.isOver(generation);
    const claim = { memberId, epoch: generation, version: 8 } as const;
    const code = await commit(simulation, link, offsets, partitions, claim, random);
    const isKept = code !== 0 || !isOver || !generations.isOver(generation);
    demand(isKept, () => `${offsets.group}: ${memberId} commits in generation ${generation}, which is over`);
    if (isOver) simulation.book.count(code === 0 ? 'late commits of lost generations' : 'late commits refused');
    if (code !== 0 && part === this.part) await this.isRefused(link, code);
  }

  private async leave(link: SimulatedLink): Promise<void> {
    const { simulation, offsets, memberId } = this;
    this.membership.ends();
    const answer = await link.ask(leaveGroup, 4, { groupId: offsets.group, memberId: '', members: [{ memberId }] });
    const code = answer.errorCode === 0 ? (answer.members[0]?.errorCode ?? -1) : answer.errorCode;
    simulation.note(`${offsets.group}: ${memberId} leaves -> ${code}`);
    this.goesOn();
    if (code === 0) this.memberId = '';
    else await this.isRefused(link, code);
  }

  private goesOn(): void {
    this.partBefore = this.part;
    this.part = null;
  }

  private async isRefused(link: SimulatedLink, code: number): Promise<void> {
    const { simulation, offsets } = this;
    if (LEFT_BEHIND.has(code)) {
      this.goesOn();
      if (code !== UNKNOWN_MEMBER) return;
      this.membership.isPutOut(this.memberId);
      this.memberId = '';
      return;
    }
    demand(mayComeAgain(simulation, code), `${offsets.group}: a member is answered with error ${code}`);
    await untilFound(simulation, link, 0, offsets.group);
  }
}
