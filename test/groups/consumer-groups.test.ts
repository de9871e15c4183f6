/** Consumer groups over a log: what is answered is written, what is written is found again, what is lost is forgotten. */
import { describe, expect, test } from 'vitest';
import type { ConsumerGroup } from '../../src/groups/consumer-group.ts';
import type { HeartbeatReply } from '../../src/groups/consumer-groups.ts';
import type { MemberHeartbeat } from '../../src/groups/member-heartbeat.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { Prng } from '../support/prng.ts';
import { plainSettings, silentCommand } from './consumer-rig.ts';
import { type GroupRig, groupRig, logLost, Partition, settle } from './group-rig.ts';

const topicIds = new Map(['a', 'b', 'c'].map((name) => [name, Buffer.from(name.repeat(16)).toString('base64url')]));
const options = { topicIds, consumerSettings: plainSettings };

function heartbeatOf(memberId: string, memberEpoch: number, more: Partial<MemberHeartbeat> = {}): MemberHeartbeat {
  const joining = memberEpoch === 0 ? { rebalanceTimeoutMs: 60_000, topicNames: ['a'], owned: [] } : {};
  return {
    ...silentCommand,
    groupId: 'g',
    memberId,
    memberEpoch,
    ...joining,
    ...more,
  };
}

async function call(rig: GroupRig, command: MemberHeartbeat): Promise<HeartbeatReply> {
  return await rig.consumer.heartbeat(rig.shardOf('g'), command, 1);
}

function groupIn(rig: GroupRig): ConsumerGroup {
  const group = rig.shardOf('g').groups.get('g');
  if (group?.kind !== 'consumer') throw new Error('there is no consumer group');
  return group;
}

/** Everything that records make of a group. */
function factsOf(group: ConsumerGroup) {
  const { epoch, metadataHash, assignmentEpoch, assignmentTimestampMs, members, targets, patterns, staticMembers } =
    group;
  const byId = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([one], [other]) => (one < other ? -1 : 1));
  return {
    epoch,
    metadataHash,
    assignmentEpoch,
    assignmentTimestampMs,
    members: byId(members),
    targets: byId(targets),
    patterns: byId(patterns),
    staticMembers: byId(staticMembers),
    stateName: group.stateName,
  };
}

describe('a consumer group over its log', () => {
  test('answers a heartbeat when what it changed is written', async () => {
    const rig = await groupRig(options);
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.isHeld = true;
    let isAnswered = false;
    const reply = call(rig, heartbeatOf('one', 0)).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await settle();
    expect(isAnswered).toBe(false);
    expect(groupIn(rig).members.has('one')).toBe(true);
    partition.release();
    expect((await reply).answer).toMatchObject({ memberId: 'one', memberEpoch: 2 });
  });

  test('answers a heartbeat that changes nothing when what came before is written', async () => {
    const rig = await groupRig(options);
    await call(rig, heartbeatOf('one', 0));
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.isHeld = true;
    const joining = call(rig, heartbeatOf('two', 0));
    let isAnswered = false;
    const silent = call(rig, heartbeatOf('two', 3)).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await settle();
    expect(isAnswered).toBe(false);
    partition.release();
    await joining;
    expect((await silent).errorCode).toBe(0);
  });

  test('forgets what could not be written, and answers NOT_COORDINATOR', async () => {
    const rig = await groupRig(options);
    await call(rig, heartbeatOf('one', 0));
    const before = factsOf(groupIn(rig));
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.nextFault = logLost;
    expect((await call(rig, heartbeatOf('two', 0))).errorCode).toBe(errorCode.NOT_COORDINATOR);
    partition.nextFault = null;
    await rig.pass(1000);
    expect(factsOf(groupIn(rig))).toEqual(before);
    expect((await call(rig, heartbeatOf('one', 2))).errorCode).toBe(0);
  });

  test('has changed nothing when it refuses', async () => {
    const rig = await groupRig(options);
    await call(rig, heartbeatOf('one', 0, { instanceId: 'fixed' }));
    const before = factsOf(groupIn(rig));
    const storedCount = rig.partitions[0]?.stored.length;
    for (const command of [
      heartbeatOf('two', 0, { instanceId: 'fixed' }),
      heartbeatOf('one', 7, { topicNames: ['b'] }),
      heartbeatOf('three', 0, { topicPattern: '(' }),
      heartbeatOf('three', 0, { assignorName: 'mine' }),
    ]) {
      expect((await call(rig, command)).errorCode).not.toBe(0);
    }
    expect(factsOf(groupIn(rig))).toEqual(before);
    expect(rig.partitions[0]?.stored.length).toBe(storedCount);
    expect((await call(rig, heartbeatOf('x', 5, { groupId: 'h' }))).errorCode).toBe(errorCode.GROUP_ID_NOT_FOUND);
    expect(rig.shardOf('h').groups.has('h')).toBe(false);
  });

  test('takes no subscription that does not fit into a record, and goes on', async () => {
    const rig = await groupRig(options);
    const topicNames = Array.from({ length: 30_000 }, (_value, index) => `a-topic-with-a-name-of-some-length-${index}`);
    const refused = await call(rig, heartbeatOf('one', 0, { topicNames }));
    expect(refused).toMatchObject({ errorCode: errorCode.UNKNOWN_SERVER_ERROR, answer: null });
    expect(rig.shardOf('g').groups.has('g')).toBe(false);
    expect(rig.partitions[0]?.stored).toEqual([]);
    expect((await call(rig, heartbeatOf('one', 0))).errorCode).toBe(0);
  });

  test('gives members a whole session again after it was loaded, and then puts them out', async () => {
    const partitions = [new Partition()];
    await call(await groupRig({ ...options, partitions }), heartbeatOf('one', 0));
    const rig = await groupRig({ ...options, partitions });
    await rig.pass(plainSettings.sessionTimeoutMs - 1);
    expect(groupIn(rig).stateName).toBe('Stable');
    await rig.pass(1);
    expect(groupIn(rig)).toMatchObject({ stateName: 'Empty', epoch: 3 });
  });

  test('makes a new target when static members come back and most ask for another assignor', async () => {
    const rig = await groupRig(options);
    const ask = (memberId: string, assignorName: string) =>
      call(rig, heartbeatOf(memberId, 0, { instanceId: memberId, assignorName }));
    for (const id of ['one', 'two', 'three']) await ask(id, 'uniform');
    const { epoch } = groupIn(rig);
    for (const id of ['one', 'two', 'three']) await call(rig, heartbeatOf(id, -2, { instanceId: id }));
    await ask('one', 'range');
    expect(groupIn(rig).epoch).toBe(epoch);
    await ask('two', 'range');
    expect(groupIn(rig)).toMatchObject({ epoch: epoch + 1, assignmentEpoch: epoch + 1 });
    await ask('three', 'range');
    expect(groupIn(rig).epoch).toBe(epoch + 1);
  });

  test('leaves a member what it is to have when it names an instance id for the first time', async () => {
    const rig = await groupRig(options);
    const both = { topicNames: ['a', 'b'] };
    await call(rig, heartbeatOf('one', 0, both));
    await call(rig, heartbeatOf('two', 0, both));
    const waiting = await call(rig, heartbeatOf('two', 0, { ...both, instanceId: 'fixed' }));
    expect(waiting.answer?.assignment?.size).toBe(0);
    const told = await call(rig, heartbeatOf('one', 2));
    const owned = [...(told.answer?.assignment ?? [])].map(([topicId, partitions]) => {
      return { topicId, partitions: [...partitions.keys()] };
    });
    expect(owned.length).toBe(1);
    await call(rig, heartbeatOf('one', 2, { owned }));
    const given = await call(rig, heartbeatOf('two', 3, { instanceId: 'fixed' }));
    expect(given.answer?.assignment?.size).toBe(1);
  });

  test('lets a slow lookup of a pattern go on while heartbeats are answered', async () => {
    const many = new Map(
      Array.from({ length: 2000 }, (_value, index) => {
        const id = Buffer.alloc(16);
        id.writeUInt32BE(index);
        return [`topic-with-a-long-name-${index}`, id.toString('base64url')];
      }),
    );
    const rig = await groupRig({ ...options, topicIds: many });
    const slow = heartbeatOf('one', 0, { topicNames: null, topicPattern: '(t|o|p|i|c|-|.)*7' });
    expect((await call(rig, slow)).answer).toMatchObject({ memberEpoch: 1 });
    let ringCount = 0;
    for (; groupIn(rig).patterns.size === 0; ringCount++) await rig.pass(1);
    expect(ringCount).toBeGreaterThan(5);
    expect(groupIn(rig).patterns.values().next().value?.topicNames.length).toBe(200);
  });
});

describe('what is found in the log is what was in memory', () => {
  test.each(Array.from({ length: 30 }, (_value, index) => index + 1))('seed %i', async (seed) => {
    const prng = new Prng(seed);
    const partitions = [new Partition()];
    let rig = await groupRig({ ...options, partitions });
    for (let step = 0; step < 120; step++) {
      const memberId = `member-${prng.nextInt(5)}`;
      const known = rig.shardOf('g').groups.get('g');
      const epoch = known?.kind === 'consumer' ? (known.members.get(memberId)?.current.epoch ?? 0) : 0;
      const names = ['a', 'b', 'c'].filter(() => prng.nextBoolean());
      const dice = prng.nextInt(20);
      if (dice === 0) rig = await groupRig({ ...options, partitions, nowMs: rig.nowMs });
      else if (dice === 1) await rig.pass(prng.nextInt(50_000));
      else if (dice === 2) await call(rig, heartbeatOf(memberId, -1));
      else if (dice < 6) await call(rig, heartbeatOf(memberId, 0, { topicNames: names }));
      else if (dice < 8)
        await call(rig, heartbeatOf(memberId, 0, { topicNames: [], topicPattern: `[${names.join('')}x]` }));
      else if (dice < 10) await call(rig, heartbeatOf(memberId, 0, { instanceId: `instance-${prng.nextInt(2)}` }));
      else if (dice < 11) await call(rig, heartbeatOf(memberId, -2, { instanceId: `instance-${prng.nextInt(2)}` }));
      else await call(rig, heartbeatOf(memberId, Math.max(epoch, 0), { owned: [] }));
      await rig.pass(prng.nextInt(3000));
    }
    const again = await groupRig({ ...options, partitions, nowMs: rig.nowMs });
    expect(factsOf(groupIn(again))).toEqual(factsOf(groupIn(rig)));
  });
});
