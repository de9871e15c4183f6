/** A broker with a topic `orders` and a coordinator that is ready, for tests of consumer groups. */
import { expect } from 'vitest';
import { findGroup } from '../support/group-deeds.ts';
import { createTopic, type Topic } from '../support/simulated-deeds.ts';
import { type BehaviourRig, startRig } from './behaviour-rig.ts';

/** Two assignments of a group are at least so far apart. */
export const ASSIGNMENT_MS = 1000;

export interface ConsumerRig extends BehaviourRig {
  readonly topic: Topic;
}

export async function consumerRig(partitions = 4, sets: readonly string[] = []): Promise<ConsumerRig> {
  const rig = await startRig({ sets: [...sets, 'offsets.topic.num.partitions=2'] });
  expect(await findGroup(rig.client, 'g')).toBe(0);
  const topic = await createTopic(rig.client, 'orders', { partitions });
  return { ...rig, topic };
}
