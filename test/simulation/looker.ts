/**
 * Looks records up by their time. What is found is no later than a record of that time that is known to be there, and no
 * earlier record than one of that time; the end of a log is nowhere before what is known of it.
 */
import { LATEST_TIMESTAMP, listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf, beginningOf, mayComeAgain } from './client-manners.ts';
import type { PartitionModel } from './partition-model.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { demand } from './violation.ts';

export async function looker(simulation: Simulation, random: Prng): Promise<void> {
  // Only there nobody turns at the kind of time.
  const { partitions } = simulation.topics.named('events');
  while (simulation.isRunning) {
    const link = await simulation.connect();
    try {
      while (simulation.isRunning && !link.isBroken) {
        const model = anyOf(random, partitions);
        const { startOffset, endOffset } = model;
        const offset = startOffset + random.nextInt(Math.max(1, endOffset - startOffset));
        const stampMs = model.stampAt(offset);
        if (stampMs !== null) await lookUp(simulation, link, model, offset, stampMs);
        const end = await ask(simulation, link, model, LATEST_TIMESTAMP);
        const isBehind = end === null || end >= endOffset;
        demand(isBehind, `${model.folder}: ends at ${end}, though it is known to reach up to ${endOffset}`);
        await simulation.pause(random.nextInt(120));
      }
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

async function lookUp(
  simulation: Simulation,
  link: SimulatedLink,
  model: PartitionModel,
  offset: number,
  stampMs: number,
): Promise<void> {
  const found = await ask(simulation, link, model, stampMs);
  if (found === null) return;
  simulation.book.count('times looked up');
  const what = `${model.folder}: the time of the record at ${offset} is found at ${found}`;
  const foundMs = model.stampAt(found);
  demand(foundMs === null || foundMs >= stampMs, `${what}, where an earlier one is`);
  if (found >= 0 && found <= offset) return;
  const startOffset = await beginningOf(simulation, link, model);
  demand(startOffset === null || startOffset > offset, `${what}, in a log that begins at ${startOffset}`);
}

/** Null: not now. */
async function ask(
  simulation: Simulation,
  link: SimulatedLink,
  { topic, partition, folder }: PartitionModel,
  timestamp: number,
): Promise<number | null> {
  const partitions = [{ partitionIndex: partition, timestamp }];
  const answer = await link.ask(listOffsets, 7, { topics: [{ name: topic.name, partitions }] });
  const part = answer.topics[0]?.partitions[0];
  demand(part !== undefined, 'a partition whose offset is asked for is answered');
  if (part.errorCode === 0) return part.offset;
  demand(mayComeAgain(simulation, part.errorCode), `${folder}: a time is answered with error ${part.errorCode}`);
  return null;
}
