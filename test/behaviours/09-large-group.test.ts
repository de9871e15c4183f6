/** A large group settles quickly: 100 members over 64 partitions, each calling when it was told to. */
import { expect, test } from 'vitest';
import { assignedIn, call, describeConsumers, type HeartbeatOutput, joinConsumers } from '../support/consumer-deeds.ts';
import { findGroup } from '../support/group-deeds.ts';
import { createTopic } from '../support/simulated-deeds.ts';
import { startRig } from './behaviour-rig.ts';

const MEMBERS = 100;
const PARTITIONS = 64;
const SETTLED_MS_MAX = 3000;
const TICK_MS = 20;

interface Member {
  readonly id: string;
  epoch: number;
  partitions: readonly number[];
  /** It has something to tell: what it was told has been done. */
  hasNews: boolean;
  nextCallMs: number;
}

test('100 members over 64 partitions settle within 3 s of the last join', async () => {
  const { broker, client } = await startRig({ sets: ['offsets.topic.num.partitions=1'] });
  expect(await findGroup(client, 'g')).toBe(0);
  const topic = await createTopic(client, 'orders', { partitions: PARTITIONS });
  const members: Member[] = [];

  const learn = (member: Member, answer: HeartbeatOutput): void => {
    expect(answer.errorCode).toBe(0);
    const told = assignedIn(answer);
    member.hasNews = told !== null;
    member.epoch = answer.memberEpoch;
    member.partitions = told === null ? member.partitions : (told[topic.id] ?? []);
    member.nextCallMs = broker.nowMs + (member.hasNews ? TICK_MS : answer.heartbeatIntervalMs);
  };
  const callIn = async (member: Member): Promise<void> => {
    const topicPartitions =
      member.partitions.length === 0 ? [] : [{ topicId: topic.id, partitions: member.partitions }];
    learn(member, await call(client, 'g', member.id, member.epoch, member.hasNews ? { topicPartitions } : {}));
  };
  const tick = async (): Promise<void> => {
    await broker.pass(TICK_MS, TICK_MS);
    for (const member of members) if (member.nextCallMs <= broker.nowMs) await callIn(member);
    const owners = members.flatMap(({ partitions }) => partitions);
    expect(new Set(owners).size).toBe(owners.length);
  };

  for (let index = 0; index < MEMBERS; index++) {
    const member = { id: `member-${index}`, epoch: 0, partitions: [], hasNews: false, nextCallMs: 0 };
    learn(member, await joinConsumers(client, 'g', member.id, ['orders']));
    members.push(member);
    await tick();
  }
  const lastJoinMs = broker.nowMs;
  while ((await describeConsumers(client, 'g')).groupState !== 'Stable') {
    if (broker.nowMs - lastJoinMs > SETTLED_MS_MAX) break;
    await tick();
  }
  expect(broker.nowMs - lastJoinMs).toBeLessThanOrEqual(SETTLED_MS_MAX);
  const loads = members.map(({ partitions }) => partitions.length);
  expect(loads.reduce((sum, load) => sum + load, 0)).toBe(PARTITIONS);
  expect(Math.max(...loads)).toBe(1);
});
