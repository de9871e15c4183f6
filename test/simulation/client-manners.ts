/** How clients of a simulation connect: some read slowly, some in small pieces. */
import { EARLIEST_TIMESTAMP, listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import type { FakeClientOptions } from '../support/fake-client.ts';
import type { Prng } from '../support/prng.ts';
import type { PartitionModel } from './partition-model.ts';
import type { SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { demand } from './violation.ts';

/** Come again: the partition or the coordinator is not ready for this. */
const COME_AGAIN: ReadonlySet<number> = new Set([3, 5, 6, 7, 9, 14, 15, 16, 19, 51, 56, -1]);

/** Of these only what the disk failed since the last start began is a reason. */
const OF_DISK: ReadonlySet<number> = new Set([3, 5, 6, 9, 19, 56, -1]);

export function mayComeAgain({ isDiskTroubled }: Simulation, code: number): boolean {
  return COME_AGAIN.has(code) && (isDiskTroubled || !OF_DISK.has(code));
}

/** As clients do: whoever is told that the coordinator is not there looks for it again, which may make its topic. */
export async function untilFound(
  simulation: Simulation,
  link: SimulatedLink,
  keyType: 0 | 1,
  key: string,
): Promise<void> {
  await simulation.pause(40);
  await link.ask(findCoordinator, 4, { keyType, coordinatorKeys: [key] });
}

/** Where a partition begins, as the broker says; null: not now. `isOver`: nobody knows any more which topic has the name. */
export async function beginningOf(
  simulation: Simulation,
  link: SimulatedLink,
  model: PartitionModel,
  isOver: () => boolean = () => false,
): Promise<number | null> {
  const { topic, partition: partitionIndex, folder, start } = model;
  const { deletedOffset } = start;
  const partitions = [{ partitionIndex, timestamp: EARLIEST_TIMESTAMP }];
  const answer = await link.ask(listOffsets, 7, { topics: [{ name: topic.name, partitions }] });
  if (isOver()) return null;
  const part = answer.topics[0]?.partitions[0];
  demand(part !== undefined, 'a partition whose start is asked for is answered');
  if (part.errorCode !== 0) {
    demand(mayComeAgain(simulation, part.errorCode), `${folder}: its start is answered with error ${part.errorCode}`);
    return null;
  }
  start.seen(part.offset, deletedOffset);
  return part.offset;
}

export function manners(random: Prng): FakeClientOptions {
  const dice = random.nextInt(10);
  if (dice === 0) return { receiveBytesMax: 1 + random.nextInt(30) };
  if (dice === 1) return { windowBytes: 50 + random.nextInt(2000) };
  return {};
}

export function anyOf<T>(random: Prng, items: readonly T[]): T {
  const item = items[random.nextInt(items.length)];
  if (item === undefined) throw new RangeError('there is something to choose from');
  return item;
}
