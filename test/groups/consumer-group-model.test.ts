import { describe, expect, test } from 'vitest';
import { GroupRefusal } from '../../src/groups/group-refusal.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { Prng } from '../support/prng.ts';
import { ConsumerRig, RigMember } from './consumer-rig.ts';

const topicNames = ['a', 'b', 'c'];

/** Members come, go, stall, lose answers, are fenced and come back; topics grow. One seed is one history. */
class History {
  readonly rig: ConsumerRig;
  members: RigMember[] = [];
  private readonly prng: Prng;
  private memberCount = 0;
  private readonly partitionCounts = new Map([
    ['a', 3],
    ['b', 5],
    ['c', 1],
  ]);

  constructor(seed: number) {
    this.prng = new Prng(seed);
    const assignmentIntervalMs = this.prng.nextBoolean() ? 1000 : 0;
    this.rig = new ConsumerRig(Object.fromEntries(this.partitionCounts), { assignmentIntervalMs });
  }

  step(): void {
    const { prng } = this;
    this.rig.nowMs += prng.nextInt(400);
    const member = this.members.length === 0 ? undefined : this.members[prng.nextInt(this.members.length)];
    const dice = prng.nextInt(100);
    if (member === undefined || dice < 4) this.come();
    else if (dice < 6) this.go(member);
    else if (dice < 8) this.expire(member);
    else if (dice < 9) this.grow();
    else if (dice < 60) this.beat(member, dice < 13);
    else member.follow();
  }

  private come(): void {
    if (this.members.length >= 12) return;
    const names = this.prng.nextBoolean(0.7) ? topicNames : topicNames.filter(() => this.prng.nextBoolean());
    this.members.push(new RigMember(this.rig, `member-${++this.memberCount}`, names));
  }

  private go(member: RigMember): void {
    if (this.rig.group.members.has(member.id)) this.rig.say({ memberId: member.id, memberEpoch: -1 });
    this.members = this.members.filter((other) => other !== member);
  }

  /** The session ends: the broker does not know whether the client still reads, so the client must have stopped by itself. */
  private expire(member: RigMember): void {
    this.rig.expire(member.id);
    member.stopReading();
  }

  private grow(): void {
    const name = topicNames[this.prng.nextInt(topicNames.length)] ?? 'a';
    const count = (this.partitionCounts.get(name) ?? 0) + 1;
    this.partitionCounts.set(name, count);
    this.rig.topics.set(name, count);
    this.rig.topicsChanged();
  }

  beat(member: RigMember, isLost: boolean): void {
    try {
      member.beat(isLost);
    } catch (error) {
      if (!(error instanceof GroupRefusal)) throw error;
      const isKnown =
        error.errorCode === errorCode.UNKNOWN_MEMBER_ID || error.errorCode === errorCode.FENCED_MEMBER_EPOCH;
      if (!isKnown) throw error;
      member.abandon();
    }
  }

  checkOwners(): void {
    const owners = new Map<string, string>();
    for (const { id, owned } of this.members) {
      for (const [topicId, partitions] of owned) {
        for (const partition of partitions) {
          const key = `${topicId}/${partition}`;
          if (owners.has(key)) throw new Error(`${key} is read by ${owners.get(key)} and ${id}`);
          owners.set(key, id);
        }
      }
    }
    const holders = new Map<string, string>();
    for (const { id, current } of this.rig.group.members.values()) {
      for (const held of [current.assigned, current.pendingRevocation]) {
        for (const [topicId, partitions] of held) {
          for (const partition of partitions.keys()) {
            const key = `${topicId}/${partition}`;
            if (holders.has(key)) throw new Error(`${key} is held by ${holders.get(key)} and ${id}`);
            holders.set(key, id);
          }
        }
      }
    }
  }

  /** Everybody beats and follows until nothing changes: the group must come to rest with all partitions placed. */
  settle(): void {
    for (let round = 0; round < 12; round++) {
      this.rig.nowMs += 1000;
      for (const member of this.members) {
        this.beat(member, false);
        member.follow();
        this.checkOwners();
      }
    }
    const { group } = this.rig;
    expect(group.stateName).toBe(this.members.length === 0 ? 'Empty' : 'Stable');
    const read = new Set(this.members.flatMap((member) => member.topicNames));
    let due = 0;
    for (const name of read) due += this.partitionCounts.get(name) ?? 0;
    let placed = 0;
    for (const { owned } of this.members) for (const partitions of owned.values()) placed += partitions.size;
    expect(placed).toBe(due);
  }
}

describe('a consumer group through random histories', () => {
  const first = Number(process.env['PB_SEED'] ?? 1);
  test.each(Array.from({ length: 60 }, (_value, index) => first + index))('seed %i', (seed) => {
    const history = new History(seed);
    for (let step = 0; step < 400; step++) {
      history.step();
      history.checkOwners();
    }
    history.settle();
  });
});
