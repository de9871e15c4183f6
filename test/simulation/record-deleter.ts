/**
 * Deletes records from the beginning of partitions while others write and read them. Where it was told that a partition
 * begins now, it begins for everybody, and for good.
 */
import { deleteRecords } from '../../src/protocol/schemas/21-delete-records.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf, beginningOf, manners, mayComeAgain } from './client-manners.ts';
import type { PartitionModel } from './partition-model.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { demand } from './violation.ts';

const OFFSET_OUT_OF_RANGE = 1;
const POLICY_VIOLATION = 44;
const HIGH_WATERMARK = -1;

export async function recordDeleter(simulation: Simulation, random: Prng): Promise<void> {
  while (simulation.isRunning) {
    const link = await simulation.connect(manners(random));
    try {
      while (simulation.isRunning && !link.isBroken) {
        const model = anyOf(random, anyOf(random, simulation.topics.topics).partitions);
        await deleteSome(simulation, link, model, random);
        if ((await beginningOf(simulation, link, model)) !== null) simulation.book.count('starts checked');
        await simulation.pause(random.nextInt(300));
      }
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

export async function deleteSome(
  simulation: Simulation,
  link: SimulatedLink,
  model: PartitionModel,
  random: Prng,
): Promise<void> {
  const { topic, partition, folder, start, endOffset } = model;
  const { life } = simulation.history;
  // What is in doubt is left alone until it shows.
  if (start.isDoubtful(life)) return;
  const within = model.startOffset + random.nextInt(Math.max(1, endOffset + 1 - model.startOffset));
  const offset = anyOf(random, [within, within, within, HIGH_WATERMARK, endOffset + 1000]);
  start.wants(offset);
  start.doubts(life);
  const partitions = [{ partitionIndex: partition, offset }];
  const answer = await link.ask(deleteRecords, 2, { topics: [{ name: topic.name, partitions }], timeoutMs: 1000 });
  const part = answer.topics[0]?.partitions[0];
  demand(part !== undefined, 'a partition whose records are to be deleted is answered');
  const { errorCode, lowWatermark } = part;
  simulation.note(`delete ${folder} up to ${offset} -> ${errorCode} ${lowWatermark}`);
  simulation.book.count(errorCode === 0 ? 'records deleted' : `delete records error ${errorCode}`);
  if (errorCode === 0) {
    demand(model.isDeletable, `${folder}: records of a log that is only compacted were deleted`);
    start.deleted(offset, lowWatermark);
  } else if (errorCode === OFFSET_OUT_OF_RANGE || errorCode === POLICY_VIOLATION) {
    const isDue = errorCode === POLICY_VIOLATION ? !model.isDeletable : offset > endOffset;
    demand(isDue, `${folder}: deletion up to ${offset} is refused with ${errorCode}`);
    start.refused();
  } else {
    demand(mayComeAgain(simulation, errorCode), `${folder}: a deletion is answered with error ${errorCode}`);
    return;
  }
  start.doubts(-1);
}
