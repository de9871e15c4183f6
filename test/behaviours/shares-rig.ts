/** How tests of share groups begin: a topic with records, and a member that has joined. */
import { joinShare } from '../support/share-deeds.ts';
import { batchOf, createTopic, produceTo } from '../support/simulated-deeds.ts';
import { type BehaviourRig, startRig } from './behaviour-rig.ts';

export const settleOf =
  ({ broker }: BehaviourRig) =>
  () =>
    broker.settle();

export async function begin(count: number, group = 'g') {
  const rig = await startRig();
  const topic = await createTopic(rig.client, 'work');
  if (count > 0) await produceTo(rig.client, topic, batchOf({ count }));
  const member = await joinShare(rig.client, group, 'member-a', topic);
  return { rig, topic, member, settle: settleOf(rig) };
}
