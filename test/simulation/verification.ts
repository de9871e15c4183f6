/**
 * Reads everything that a broker has after its start, over the wire like any consumer, and holds each partition against its
 * model: the whole log, and where transactions write to it what readers of committed records see.
 */

import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import { beginningOf } from './client-manners.ts';
import type { FoundBatch } from './numbered-batches.ts';
import type { PartitionModel } from './partition-model.ts';
import type { DescribedTopic } from './passing-topics.ts';
import type { SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import type { TopicModel } from './topic-models.ts';
import { anySpeech, BY_ID, isAbout, type Speech, spoken } from './topic-speech.ts';
import { demand, Excuse } from './violation.ts';

const OFFSET_OUT_OF_RANGE = 1;
const CORRUPT_MESSAGE = 2;
/** The partition did not open, or its disk fails it. */
const NOT_SERVED = new Set([3, 6, 9, 56, -1]);
/** Nothing is known of what is met for the first time. */
const NO_LIFE = -1;
const READS_MAX = 2000;

interface Reading {
  readonly model: PartitionModel;
  position: number;
  startOffset: number;
  highWatermark: number;
  readonly batches: FoundBatch[];
  state: 'reading' | 'whole' | 'not served';
}

export async function verifyTopics(simulation: Simulation, link: SimulatedLink): Promise<void> {
  const { topics, passing } = simulation.topics;
  const names = [...topics, ...passing].map(({ name }) => ({ name }));
  const answer = await link.ask(metadata, 12, { topics: names, allowAutoTopicCreation: false });
  const described = new Map(answer.topics.map((topic) => [topic.name, topic]));
  for (const topic of topics) {
    const found = described.get(topic.name);
    demand(found?.topicId === topic.id, `${topic.name} has the id ${topic.id}, and is described under another`);
    await verifyTopic(simulation, link, anySpeech(simulation.random), topic, found);
  }
  for (const topic of passing) {
    const found = described.get(topic.name);
    topic.learn(found, NO_LIFE);
    if (topic.current === null || found === undefined) continue;
    await verifyTopic(simulation, link, BY_ID, topic.current, found);
    simulation.book.count('passing topics read');
  }
  link.break();
}

/** Nobody writes to it meanwhile. */
async function verifyTopic(
  simulation: Simulation,
  link: SimulatedLink,
  speech: Speech,
  topic: TopicModel,
  described: DescribedTopic,
): Promise<void> {
  const readings = topic.partitions.map((model) => readingOf(model));
  const epochs = new Map(described.partitions.map(({ partitionIndex, leaderEpoch }) => [partitionIndex, leaderEpoch]));
  await readAll(simulation, link, speech, topic, readings);
  for (const reading of readings) {
    const { model } = reading;
    if (reading.state !== 'whole') {
      simulation.note(`${model.folder} is not served`);
      simulation.book.count('partitions not served');
      checkIsTold(simulation, model);
      continue;
    }
    const epochBefore = model.epoch;
    const endBefore = model.endOffset;
    const epoch = epochs.get(model.partition) ?? -1;
    model.hold(reading.batches, reading.startOffset, reading.highWatermark, epoch);
    model.verifiedLife = simulation.history.life;
    await checkEpochs(link, model, epochBefore, endBefore, reading.highWatermark);
  }
}

/** Only the disk is a reason, and whoever looks at the broker finds it. */
function checkIsTold({ isDiskTroubled, isServing, broker }: Simulation, { folder }: PartitionModel): void {
  demand(isDiskTroubled, `${folder} is not served by a broker whose disk failed nothing`);
  if (isServing) return;
  const isTold = broker?.report?.problems.some((problem) => problem.includes(folder)) === true;
  demand(isTold, `${folder} is not served, and no problem is told of it`);
}

function readingOf(model: PartitionModel): Reading {
  return { model, position: model.startOffset, startOffset: 0, highWatermark: -1, batches: [], state: 'reading' };
}

async function readAll(
  simulation: Simulation,
  link: SimulatedLink,
  speech: Speech,
  topic: TopicModel,
  readings: readonly Reading[],
): Promise<void> {
  for (let reads = 0; ; reads++) {
    demand(reads < READS_MAX, `${topic.name} cannot be read to its end`);
    const open = readings.filter(({ state }) => state === 'reading');
    if (open.length === 0) return;
    const answer = await link.ask(fetch, speech.fetchVersion, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [
        {
          ...spoken(speech, topic),
          partitions: open.map(({ model, position }) => ({
            partitionIndex: model.partition,
            fetchOffset: position,
            partitionMaxBytes: 1 << 16,
          })),
        },
      ],
    });
    demand(answer.errorCode === 0, `reading ${topic.name} is answered with error ${answer.errorCode}`);
    const [answered] = answer.topics;
    demand(isAbout(speech, topic, answered), 'what was asked for is answered');
    for (const part of answered?.partitions ?? []) {
      const reading = open.find(({ model }) => model.partition === part.partitionIndex);
      demand(reading !== undefined, 'only what was asked for is answered');
      if (part.errorCode === OFFSET_OUT_OF_RANGE) await findStart(simulation, link, reading);
      else take(simulation, reading, part);
    }
  }
}

interface FetchedPart {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly records: Uint8Array | null;
}

function take(simulation: Simulation, reading: Reading, part: FetchedPart): void {
  const { model } = reading;
  if (NOT_SERVED.has(part.errorCode)) {
    reading.state = 'not served';
    return;
  }
  // Killed between a failed flush and its note, then robbed of the power: what was believed to be flushed is damaged.
  if (part.errorCode === CORRUPT_MESSAGE && simulation.history.isUnnoted(model.folder))
    throw new Excuse('a failed flush that nobody could know of');
  demand(part.errorCode === 0, `${model.folder} is answered with error ${part.errorCode}`);
  const isFirst = reading.highWatermark < 0;
  // What was deleted without a word may be there again after a power cut.
  if (isFirst && part.logStartOffset < reading.position) {
    begin(reading, part.logStartOffset);
    return;
  }
  if (isFirst) reading.startOffset = part.logStartOffset;
  reading.highWatermark = part.highWatermark;
  const batches = simulation.found(part.records, model.folder);
  reading.batches.push(...batches);
  reading.position = Math.max(reading.position, (batches.at(-1)?.lastOffset ?? -1) + 1);
  if (reading.position >= part.highWatermark || (batches.length === 0 && model.isCompacted)) reading.state = 'whole';
  else
    demand(batches.length > 0, `${model.folder}: nothing is read at ${reading.position}, before ${part.highWatermark}`);
}

/** Retention goes on while it is read, and a log that was cut may end before where it was known to begin. */
async function findStart(simulation: Simulation, link: SimulatedLink, reading: Reading): Promise<void> {
  const { model, position, batches } = reading;
  const startOffset = await beginningOf(simulation, link, model);
  if (startOffset === null) {
    reading.state = 'not served';
    return;
  }
  const isExplained = position < startOffset || (batches.length === 0 && position > startOffset);
  demand(isExplained, `${model.folder}: offset ${position} is out of range in a log that begins at ${startOffset}`);
  begin(reading, startOffset);
}

function begin(reading: Reading, startOffset: number): void {
  reading.position = startOffset;
  reading.highWatermark = -1;
  reading.batches.length = 0;
}

/** A log that was cut says so to whoever read it under the epoch of before. */
async function checkEpochs(
  link: SimulatedLink,
  { topic, partition, folder }: PartitionModel,
  epochBefore: number,
  endBefore: number,
  endOffset: number,
): Promise<void> {
  if (epochBefore < 0) return;
  const answer = await link.ask(offsetForLeaderEpoch, 4, {
    replicaId: -1,
    topics: [{ name: topic.name, partitions: [{ partitionIndex: partition, leaderEpoch: epochBefore }] }],
  });
  const part = answer.topics[0]?.partitions[0];
  demand(part !== undefined && part.errorCode === 0, `${folder}: the end of epoch ${epochBefore} is not answered`);
  const wasCut = endOffset < endBefore;
  const isTold = part.endOffset >= 0 && part.endOffset <= endOffset;
  demand(isTold, `${folder}: epoch ${epochBefore} ends at ${part.endOffset} in a log that ends at ${endOffset}`);
  if (wasCut)
    demand(
      part.endOffset <= endBefore,
      `${folder}: nothing tells that the log was cut from ${endBefore} to ${endOffset}`,
    );
}
