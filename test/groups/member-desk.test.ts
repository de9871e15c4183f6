/** Members of the classic protocol at groups that are, or were, consumer groups. */
import { describe, expect, it } from 'vitest';
import type { JoinAnswer } from '../../src/groups/classic-effects.ts';
import type { ClassicProtocol } from '../../src/groups/classic-member.ts';
import type { ConsumerGroupSettings } from '../../src/groups/group-world.ts';
import type { MemberHeartbeat } from '../../src/groups/member-heartbeat.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { plainSettings, silentCommand } from './consumer-rig.ts';
import { type GroupRig, groupRig } from './group-rig.ts';

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
/** A ConsumerProtocolSubscription of version 0: the topic t, no data of the user. */
const subscription = Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 1, 0x74, 0xff, 0xff, 0xff, 0xff);

async function rigWithTopic(settings: Partial<ConsumerGroupSettings> = {}): Promise<GroupRig> {
  const topicIds = new Map([['t', TOPIC_ID]]);
  return await groupRig({ topicIds, consumerSettings: { ...plainSettings, ...settings } });
}

interface Guest {
  readonly memberId?: string;
  readonly instanceId?: string | null;
  readonly sessionTimeoutMs?: number;
  readonly protocols?: readonly ClassicProtocol[];
}

const range: ClassicProtocol = { name: 'range', metadata: subscription };

function join(rig: GroupRig, guest: Guest = {}) {
  const { memberId = '', instanceId = null, sessionTimeoutMs = 30_000, protocols = [range] } = guest;
  return rig.members.join(rig.shardOf('g'), {
    groupId: 'g',
    protocolType: 'consumer',
    member: {
      memberId,
      instanceId,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      sessionTimeoutMs,
      rebalanceTimeoutMs: 60_000,
      protocols,
    },
    mustKnowId: false,
    canSkipAssignment: true,
  });
}

async function sync(rig: GroupRig, { memberId, generationId }: JoinAnswer): Promise<Uint8Array> {
  const command = { memberId, instanceId: null, generationId, protocolType: null, protocolName: null };
  return (await rig.members.sync(rig.shardOf('g'), 'g', { ...command, assignments: new Map() })).assignment;
}

function beat(rig: GroupRig, { memberId, generationId }: JoinAnswer): Promise<number> {
  return rig.members.heartbeat(rig.shardOf('g'), 'g', { memberId, instanceId: null, generationId });
}

async function beatAnew(rig: GroupRig, memberId: string, memberEpoch: number, more: Partial<MemberHeartbeat> = {}) {
  const joining = memberEpoch === 0 ? { rebalanceTimeoutMs: 60_000, topicNames: ['t'], owned: [] } : {};
  const command = {
    ...silentCommand,
    groupId: 'g',
    memberId,
    memberEpoch,
    ...joining,
    ...more,
  };
  return await rig.consumer.heartbeat(rig.shardOf('g'), command, 1);
}

async function commit(rig: GroupRig): Promise<readonly number[]> {
  const claim = { memberId: '', instanceId: null, generationOrEpoch: -1, isTransactional: false, apiVersion: 9 };
  const offsets = [{ topic: 't', topicId: TOPIC_ID, partition: 0, offset: 5, leaderEpoch: -1, metadata: '' }];
  return await rig.offsets.commit(rig.shardOf('g'), { groupId: 'g', claim, retentionMs: -1, offsets });
}

describe('an empty consumer group', () => {
  it('stays what it is when somebody joins whom no group knows', async () => {
    const rig = await rigWithTopic();
    await beatAnew(rig, 'one', 0);
    await beatAnew(rig, 'one', -1);
    await commit(rig);
    expect((await join(rig, { memberId: 'former' })).errorCode).toBe(errorCode.UNKNOWN_MEMBER_ID);
    expect(rig.coordinator.groupOf('g')?.kind).toBe('consumer');
  });

  it('leaves no offsets without a group behind when a join is refused', async () => {
    const rig = await rigWithTopic();
    await beatAnew(rig, 'one', 0);
    await beatAnew(rig, 'one', -1);
    await commit(rig);
    expect((await join(rig, { sessionTimeoutMs: 1 })).errorCode).toBe(errorCode.INVALID_SESSION_TIMEOUT);
    expect(rig.coordinator.groupOf('g')).not.toBeNull();
    await rig.pass(100_000);
    expect(rig.shardOf('g').offsets.has('g')).toBe(false);
  });
});

describe('an empty consumer group that a classic member joins', () => {
  it('takes the member also when one of the newer protocol comes at the same time', async () => {
    const rig = await rigWithTopic();
    await beatAnew(rig, 'one', 0);
    await beatAnew(rig, 'one', -1);
    const joining = join(rig);
    const newer = beatAnew(rig, 'two', 0);
    expect((await newer).errorCode).toBe(0);
    expect((await joining).errorCode).toBe(0);
  });
});

describe('a classic member that joins a consumer group', () => {
  it('is held to the same bounds as in a classic group', async () => {
    const rig = await rigWithTopic();
    await beatAnew(rig, 'newer', 0);
    for (const sessionTimeoutMs of [-1, 2 ** 31 - 1]) {
      expect((await join(rig, { sessionTimeoutMs })).errorCode).toBe(errorCode.INVALID_SESSION_TIMEOUT);
    }
    const large = [range, { name: 'roundrobin', metadata: new Uint8Array(2 << 20) }];
    expect((await join(rig, { protocols: large })).errorCode).toBe(errorCode.INVALID_REQUEST);
    expect((await join(rig)).errorCode).toBe(0);
  });

  it('is answered at once however many protocols it and the others name', async () => {
    const rig = await rigWithTopic();
    await beatAnew(rig, 'newer', 0);
    const protocolsOf = (letter: string) =>
      Array.from({ length: 50_000 }, (_, index) => {
        return { name: `${letter}${index}`, metadata: index < 2 ? subscription : new Uint8Array(0) };
      });
    const [first, second] = [protocolsOf('a'), protocolsOf('b')];
    expect((await join(rig, { protocols: first })).errorCode).toBe(0);
    const beganMs = cpuMs();
    const refused = await join(rig, { protocols: second });
    expect(cpuMs() - beganMs).toBeLessThan(3000);
    expect(refused.errorCode).toBe(errorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect((await join(rig, { protocols: [...second.slice(1), ...first.slice(0, 1)] })).errorCode).toBe(0);
    expect((await join(rig, { protocols: first.slice(1) })).errorCode).toBe(errorCode.INCONSISTENT_GROUP_PROTOCOL);
  });
});

describe('classic members that are alone in a consumer group', () => {
  it('share out again what one of them had that left', async () => {
    for (const assignmentIntervalMs of [0, 1000]) {
      const rig = await rigWithTopic({ migrationPolicy: 'upgrade', assignmentIntervalMs });
      const newer = await beatAnew(rig, 'newer', 0);
      expect(newer.errorCode).toBe(0);
      const reader = await join(rig);
      const other = await join(rig);
      await beatAnew(rig, 'newer', -1);
      await rig.pass(2000);
      let members = [reader, other];
      for (let round = 0; round < 5; round++) {
        members = await Promise.all(
          members.map(async (member) => {
            const code = await beat(rig, member);
            if (code === errorCode.NONE) return member;
            expect(code).toBe(errorCode.REBALANCE_IN_PROGRESS);
            const again = await join(rig, { memberId: member.memberId });
            await sync(rig, again);
            return again;
          }),
        );
        await rig.pass(1000);
      }
      const group = rig.coordinator.groupOf('g');
      expect(group).toMatchObject({ kind: 'consumer', stateName: 'Stable' });
      const held = await Promise.all(members.map((member) => sync(rig, member)));
      expect(held.filter((assignment) => assignment.length > 12)).toHaveLength(1);
    }
  });
});

describe('a static member', () => {
  it('comes back to a full group under a new id, by either protocol', async () => {
    const rig = await rigWithTopic({ sizeMax: 2 });
    await beatAnew(rig, 'one', 0, { instanceId: 'fixed' });
    await beatAnew(rig, 'two', 0);
    expect((await beatAnew(rig, 'three', 0)).errorCode).toBe(errorCode.GROUP_MAX_SIZE_REACHED);
    const busy = await beatAnew(rig, 'one again', 0, { instanceId: 'fixed' });
    expect(busy.errorCode).toBe(errorCode.UNRELEASED_INSTANCE_ID);
    await beatAnew(rig, 'one', -2, { instanceId: 'fixed' });
    expect((await beatAnew(rig, 'one again', 0, { instanceId: 'fixed' })).errorCode).toBe(0);
    expect((await join(rig, { instanceId: 'fixed' })).errorCode).toBe(0);
    expect((await join(rig, { instanceId: 'another' })).errorCode).toBe(errorCode.GROUP_MAX_SIZE_REACHED);
  });
});
