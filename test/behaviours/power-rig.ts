/** What a loss of power takes: the end of a file, of which the tests say where it was. */
import { must } from '../../src/base/assert.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import type { Topic } from '../support/simulated-deeds.ts';
import { DATA_FOLDER } from '../support/simulated-world.ts';
import { type BehaviourRig, restart } from './behaviour-rig.ts';

export const sets = ['transaction.state.log.num.partitions=2', 'offsets.topic.num.partitions=2'];

/** Takes what was written to a file behind a place; another broker starts on the rest. */
export async function restartWithout(rig: BehaviourRig, path: string, sizeBytes: number): Promise<BehaviourRig> {
  rig.broker.kill();
  cut(rig, path, sizeBytes);
  return await restart(rig, 'kill', { sets });
}

export function cut({ world: { disk } }: BehaviourRig, path: string, sizeBytes: number): void {
  const fd = disk.open(path, 'read-write');
  disk.truncate(fd, sizeBytes);
  disk.close(fd);
}

export function fileOf(folder: string): string {
  return `${DATA_FOLDER}/${folder}/00000000000000000000.log`;
}

/** The file of an internal topic, of whose partitions only one has something. */
export function onlyFileOf({ world: { disk } }: BehaviourRig, topic: string): string {
  const folders = disk.list(DATA_FOLDER).filter((name) => name.startsWith(`${topic}-`));
  return must(
    folders.map(fileOf).find((path) => disk.contentOf(path).length > 0),
    'something was written',
  );
}

export function stateFile(rig: BehaviourRig): string {
  return onlyFileOf(rig, '__transaction_state');
}

export async function offsetOfGroup(client: SimulatedClient, groupId: string, topic: Topic) {
  const groups = [{ groupId, topics: [{ name: topic.name, partitionIndexes: [0] }] }];
  const answer = await client.ask(offsetFetch, 8, { groupId: '', topics: [], groups, requireStable: true });
  return answer.groups[0]?.topics?.[0]?.partitions[0];
}
