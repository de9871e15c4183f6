/** Behaviours 41 to 44: classic groups. */
import { expect, test } from 'vitest';
import { beat, commit, committed, settleAlone, stateOf } from '../support/group-deeds.ts';
import { createTopic } from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';

test('a group of one joins, syncs, commits, and finds its offset after a kill', async () => {
  const rig = await startRig();
  await createTopic(rig.client, 'orders');
  const member = await settleAlone(rig.client, 'g');
  expect(await stateOf(rig.client, 'g')).toBe('Stable');
  expect(await beat(rig.client, 'g', member)).toBe(0);
  expect(await commit(rig.client, 'g', 42, { ...member, metadata: 'half way' })).toBe(0);
  const { client } = await restart(rig, 'kill');
  expect(await committed(client, 'g')).toEqual({ offset: 42, leaderEpoch: -1, metadata: 'half way', errorCode: 0 });
  expect(await stateOf(client, 'g')).toBe('Stable');
});
