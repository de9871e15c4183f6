/**
 * Classic groups under members that come, go, forget, repeat and hang: whatever they do, every request is answered once,
 * members of a generation agree on it, and a group that is left alone comes to rest.
 */
import { describe, expect, it } from 'vitest';
import type { JoinAnswer, SyncAnswer } from '../../src/groups/classic-effects.ts';
import { ClassicGroup } from '../../src/groups/classic-group.ts';
import { NO_TICKET } from '../../src/groups/classic-member.ts';
import { Prng } from '../support/prng.ts';
import { type GroupRig, groupRig, logLost, Partition, settle } from './group-rig.ts';

const GROUP = 'g';
const ROUNDS = 400;

interface Actor {
  readonly instanceId: string | null;
  memberId: string;
  generationId: number;
  isLeader: boolean;
  isBusy: boolean;
  memberIds: readonly string[];
}

class Play {
  readonly random: Prng;
  readonly actors: Actor[];
  asked = 0;
  answered = 0;
  readonly generations = new Map<number, { readonly leader: string; readonly protocol: string | null }>();
  /** By generation: who was assigned what. */
  readonly assigned = new Map<string, string>();
  private rig: GroupRig;

  constructor(rig: GroupRig, seed: number) {
    this.rig = rig;
    this.random = new Prng(seed);
    this.actors = Array.from({ length: 6 }, (_, index) => ({
      instanceId: index < 2 ? `static-${index}` : null,
      memberId: '',
      generationId: -1,
      isLeader: false,
      isBusy: false,
      memberIds: [],
    }));
  }

  async step(): Promise<void> {
    const actor = this.actors[this.random.nextInt(this.actors.length)];
    if (actor === undefined) return;
    const choice = this.random.nextInt(20);
    if (choice < 8) this.join(actor);
    else if (choice < 13) this.sync(actor);
    else if (choice < 15) this.beat(actor);
    else if (choice === 15) this.leave(actor);
    else if (choice === 16) this.forget(actor);
    else if (choice === 17) await this.cooperate();
    else await this.rig.pass(this.random.nextInt(3000));
    await settle();
    this.check();
  }

  /** What well-behaved clients do: all join, then all sync, often enough to arrive. */
  private async cooperate(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      for (const actor of this.actors) this.join(actor);
      await this.rig.pass(600);
    }
    for (const actor of this.actors) this.sync(actor);
  }

  /** A client that begins anew, or whose answers are lost. */
  private forget(actor: Actor): void {
    actor.memberId = '';
    actor.generationId = -1;
    actor.isBusy = false;
  }

  private join(actor: Actor): void {
    if (actor.isBusy) return;
    actor.isBusy = true;
    this.asked += 1;
    const names = this.random.nextBoolean(0.5) ? ['range', 'sticky'] : ['sticky', 'range'];
    const answer = this.rig.classic.join(this.rig.shardOf(GROUP), {
      groupId: GROUP,
      protocolType: 'consumer',
      member: {
        memberId: actor.memberId,
        instanceId: actor.instanceId,
        clientId: 'c',
        clientHost: '/h',
        rebalanceTimeoutMs: 5000,
        sessionTimeoutMs: 8000,
        protocols: names.map((name) => ({ name, metadata: new Uint8Array([1]) })),
      },
      mustKnowId: this.random.nextBoolean(0.5),
      canSkipAssignment: true,
    });
    void answer.then((told) => this.joined(actor, told));
  }

  private joined(actor: Actor, answer: JoinAnswer): void {
    this.answered += 1;
    actor.isBusy = false;
    if (answer.errorCode === 79) actor.memberId = answer.memberId;
    if (answer.errorCode === 25 || answer.errorCode === 82) actor.memberId = '';
    if (answer.errorCode !== 0) return;
    actor.memberId = answer.memberId;
    actor.generationId = answer.generationId;
    actor.isLeader = answer.leader === answer.memberId && !answer.skipAssignment;
    actor.memberIds = answer.members.map(({ memberId }) => memberId);
    const known = this.generations.get(answer.generationId);
    // A static leader that came back has another id in the same generation, but the protocol stays.
    if (known !== undefined) expect(answer.protocolName).toBe(known.protocol);
    else this.generations.set(answer.generationId, { leader: answer.leader, protocol: answer.protocolName });
  }

  private sync(actor: Actor): void {
    if (actor.isBusy || actor.generationId < 0) return;
    actor.isBusy = true;
    this.asked += 1;
    const { generationId } = actor;
    const assignments = new Map<string, Uint8Array>();
    if (actor.isLeader) {
      actor.memberIds.forEach((memberId, index) => {
        assignments.set(memberId, new Uint8Array([generationId, index]));
      });
    }
    const answer = this.rig.classic.sync(this.rig.shardOf(GROUP), GROUP, {
      memberId: actor.memberId,
      instanceId: actor.instanceId,
      generationId,
      protocolType: null,
      protocolName: null,
      assignments,
    });
    void answer.then((told) => this.synced(actor, generationId, told));
  }

  private synced(actor: Actor, generationId: number, answer: SyncAnswer): void {
    this.answered += 1;
    actor.isBusy = false;
    if (answer.errorCode !== 0 || answer.assignment.length === 0) return;
    expect(answer.assignment[0], 'an assignment is of its generation').toBe(generationId & 0xff);
    const key = `${generationId}/${answer.assignment[1]}`;
    const owner = this.assigned.get(key) ?? actor.instanceId ?? actor.memberId;
    this.assigned.set(key, owner);
    expect(actor.instanceId ?? actor.memberId, 'one part of a generation is one member’s').toBe(owner);
  }

  private beat(actor: Actor): void {
    const { memberId, instanceId, generationId } = actor;
    this.rig.classic.heartbeat(this.rig.shardOf(GROUP), GROUP, { memberId, instanceId, generationId });
  }

  private leave(actor: Actor): void {
    const { memberId, instanceId } = actor;
    this.rig.classic.leave(this.rig.shardOf(GROUP), GROUP, { members: [{ memberId, instanceId }] });
    actor.memberId = '';
    actor.generationId = -1;
  }

  private check(): void {
    const group = this.rig.coordinator.groupOf(GROUP);
    if (group?.kind !== 'classic') return;
    const members = [...group.members.values()];
    expect(group.awaitingJoinCount).toBe(members.filter((one) => one.isAwaitingJoin).length);
    expect(members.every((one) => one.joinTicket === NO_TICKET || group.state === 'PreparingRebalance')).toBe(true);
    expect(members.every((one) => one.syncTicket === NO_TICKET || group.state === 'CompletingRebalance')).toBe(true);
    expect(group.state === 'Empty').toBe(members.length === 0);
    if (members.length > 0) expect(group.members.has(group.leaderId ?? '')).toBe(true);
    expect(group.protocolName === null || group.state !== 'Empty').toBe(true);
    for (const [instanceId, memberId] of group.staticMembers) {
      expect(group.members.get(memberId)?.instanceId).toBe(instanceId);
    }
  }
}

describe('a classic group under random members', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('answers everything once, agrees, and comes to rest (seed %i)', async (seed) => {
    // A group that was forgotten would count its generations anew.
    const upkeepEveryMs = 1e9;
    const rig = await groupRig({
      upkeepEveryMs,
      initialDelayMs: seed % 2 === 0 ? 500 : 0,
      sizeMax: seed % 3 === 0 ? 4 : 1000,
    });
    const play = new Play(rig, seed);
    for (let round = 0; round < ROUNDS; round++) await play.step();
    expect(play.generations.size).toBeGreaterThan(3);
    expect(play.assigned.size, 'assignments arrive').toBeGreaterThan(3);
    await rig.pass(60_000);
    expect(play.answered, `all requests are answered, seed ${seed}`).toBe(play.asked);
    expect(rig.classic.parkedCount).toBe(0);
    const group = rig.coordinator.groupOf(GROUP);
    expect(group === null || group.isEmpty).toBe(true);
  });

  it.each([11, 12, 13, 14])('is read back as it was written last, and goes on (seed %i)', async (seed) => {
    const rig = await groupRig({ upkeepEveryMs: 1e9 });
    const play = new Play(rig, seed);
    for (let round = 0; round < ROUNDS / 4; round++) await play.step();
    const before = rig.coordinator.groupOf(GROUP);
    rig.coordinator.stop();
    await settle();
    expect(play.answered, 'who waits is answered when the shard goes').toBe(play.asked);
    const next = await groupRig({ partitions: rig.partitions, nowMs: rig.nowMs });
    const after = next.coordinator.groupOf(GROUP);
    if (before?.kind === 'classic' && before.state === 'Stable') {
      expect(after).toBeInstanceOf(ClassicGroup);
      if (!(after instanceof ClassicGroup)) return;
      expect(after.generation).toBe(before.generation);
      expect([...after.members.keys()].sort()).toEqual([...before.members.keys()].sort());
      expect(after.leaderId).toBe(before.leaderId);
      for (const [memberId, member] of after.members) {
        expect(member.assignment).toEqual(before.members.get(memberId)?.assignment);
      }
    }
    await next.pass(60_000);
    const left = next.coordinator.groupOf(GROUP);
    expect(left === null || left.isEmpty).toBe(true);
  });
});

describe('an assignment that is being written', () => {
  it('is not that of the generation that has come meanwhile', async () => {
    const partition = new Partition();
    const rig = await groupRig({ partitions: [partition] });
    const shard = rig.shardOf(GROUP);
    const join = (instanceId: string, memberId = '') =>
      rig.classic.join(shard, {
        groupId: GROUP,
        protocolType: 'x',
        member: {
          memberId,
          instanceId,
          clientId: 'c',
          clientHost: '/h',
          rebalanceTimeoutMs: 5000,
          sessionTimeoutMs: 8000,
          protocols: [{ name: 'range', metadata: new Uint8Array([1]) }],
        },
        mustKnowId: true,
        canSkipAssignment: true,
      });
    const sync = (joined: JoinAnswer, instanceId: string, text: number) =>
      rig.classic.sync(shard, GROUP, {
        memberId: joined.memberId,
        instanceId,
        generationId: joined.generationId,
        protocolType: null,
        protocolName: null,
        assignments: new Map([[joined.memberId, new Uint8Array([text])]]),
      });
    const first = await join('one');
    partition.isHeld = true;
    const early = sync(first, 'one', 1);
    const second = join('two');
    expect((await early).errorCode).toBe(27);
    const again = await join('one', first.memberId);
    await second;
    expect(again.generationId).toBe(2);
    partition.release();
    await settle();
    expect(rig.coordinator.groupOf(GROUP)?.stateName).toBe('CompletingRebalance');
    partition.isHeld = false;
    expect((await sync(again, 'one', 2)).assignment).toEqual(new Uint8Array([2]));
  });
});

describe('a group that is larger than groups may be by now', () => {
  it('goes on without the members that come back last, and does not wait for them', async () => {
    const rig = await groupRig();
    const wishOf = (memberId: string) => ({
      groupId: GROUP,
      protocolType: 'x',
      member: {
        memberId,
        instanceId: null,
        clientId: 'c',
        clientHost: '/h',
        rebalanceTimeoutMs: 50_000,
        sessionTimeoutMs: 50_000,
        protocols: [{ name: 'range', metadata: new Uint8Array([1]) }],
      },
      mustKnowId: false,
      canSkipAssignment: true,
    });
    const shard = rig.shardOf(GROUP);
    const first = await rig.classic.join(shard, wishOf(''));
    const others = [rig.classic.join(shard, wishOf('')), rig.classic.join(shard, wishOf(''))];
    const again = await rig.classic.join(shard, wishOf(first.memberId));
    const members = [again, ...(await Promise.all(others))];
    const { memberId, generationId } = again;
    const sync = { memberId, generationId, instanceId: null, protocolType: null, protocolName: null };
    await rig.classic.sync(shard, GROUP, { ...sync, assignments: new Map() });
    const next = await groupRig({ partitions: rig.partitions, nowMs: rig.nowMs, sizeMax: 2 });
    const codes = members.map(async (member) => {
      return (await next.classic.join(next.shardOf(GROUP), wishOf(member.memberId))).errorCode;
    });
    expect(await Promise.all(codes)).toEqual([0, 0, 81]);
  });
});

describe('the alarms of groups', () => {
  it('are one a group, and heartbeats and commits set none', async () => {
    const rig = await groupRig({ upkeepEveryMs: 1e9 });
    const members: { readonly groupId: string; readonly memberId: string; readonly generationId: number }[] = [];
    for (let index = 0; index < 50; index++) {
      const groupId = `g-${index}`;
      const joined = await rig.classic.join(rig.shardOf(groupId), {
        groupId,
        protocolType: 'x',
        member: {
          memberId: '',
          instanceId: `i-${index}`,
          clientId: 'c',
          clientHost: '/h',
          rebalanceTimeoutMs: 50_000,
          sessionTimeoutMs: 8000,
          protocols: [{ name: 'range', metadata: new Uint8Array([1]) }],
        },
        mustKnowId: true,
        canSkipAssignment: true,
      });
      members.push({ groupId, memberId: joined.memberId, generationId: joined.generationId });
    }
    const upkeep = 1;
    expect(rig.alarms.count).toBe(members.length + upkeep);
    const dueMs = rig.alarms.nextDueMs;
    rig.nowMs += 4000;
    for (const { groupId, memberId, generationId } of members) {
      const command = { memberId, instanceId: null, generationId };
      expect(rig.classic.heartbeat(rig.shardOf(groupId), groupId, command)).toBe(0);
    }
    expect(rig.alarms.count).toBe(members.length + upkeep);
    expect(rig.alarms.nextDueMs).toBe(dueMs);
    await rig.pass(7000);
    expect([...rig.shardOf('g-0').groups.values()].every((group) => !group.isEmpty)).toBe(true);
    await rig.pass(2000);
    expect([...rig.shardOf('g-0').groups.values()].every((group) => group.isEmpty)).toBe(true);
    expect(rig.alarms.count).toBe(upkeep);
  });
});

describe('a group whose log is lost', () => {
  it('sends those who wait away, and is there again as it was written', async () => {
    const partition = new Partition();
    const rig = await groupRig({ partitions: [partition] });
    const shard = rig.shardOf(GROUP);
    const member = {
      memberId: '',
      instanceId: 'one',
      clientId: 'c',
      clientHost: '/h',
      rebalanceTimeoutMs: 5000,
      sessionTimeoutMs: 8000,
      protocols: [{ name: 'range', metadata: new Uint8Array([1]) }],
    };
    const wish = { groupId: GROUP, protocolType: 'x', member, mustKnowId: true, canSkipAssignment: true };
    const joined = await rig.classic.join(shard, wish);
    const sync = { instanceId: 'one', protocolType: null, protocolName: null, assignments: new Map() };
    partition.nextFault = logLost;
    const { memberId, generationId } = joined;
    const synced = await rig.classic.sync(shard, GROUP, { ...sync, memberId, generationId });
    expect(synced.errorCode).toBe(16);
    expect(rig.coordinator.shardOf(GROUP).errorCode).toBe(14);
    partition.nextFault = null;
    await rig.pass(1000);
    expect(rig.coordinator.groupOf(GROUP)).toBeNull();
    expect(rig.alarms.count).toBe(1);
  });
});
