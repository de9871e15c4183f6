/**
 * A producer without an id: sends and never sends again. What it was not answered for may be there or not; what is there
 * lies in the order in which it was sent over a connection.
 */
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf, manners, mayComeAgain } from './client-manners.ts';
import { numberedBatch } from './numbered-batches.ts';
import { keysOf, type PartitionModel, type ProducerTrack, type SentBatch } from './partition-model.ts';
import type { SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { anySpeech, isAbout, type Speech, spoken } from './topic-speech.ts';
import { demand } from './violation.ts';

const IN_FLIGHT_MAX = 6;
const CODECS = [0, 0, 0, 3];

export async function plainProducer(simulation: Simulation, name: string, random: Prng): Promise<void> {
  while (simulation.isRunning) {
    const link = await simulation.connect(manners(random));
    const speech = anySpeech(random);
    const tracks = new Map<PartitionModel, ProducerTrack>();
    while (simulation.isRunning && !link.isBroken) {
      if (link.pendingCount < IN_FLIGHT_MAX)
        sendOne(simulation, link, speech, tracks, `${name} on ${link.number}`, random);
      await simulation.pause(random.nextInt(30));
      if (random.nextInt(80) === 0) break;
    }
    await untilAnswered(simulation, link);
    link.break();
  }
}

async function untilAnswered(simulation: Simulation, link: SimulatedLink): Promise<void> {
  while (link.pendingCount > 0 && !link.isBroken) await simulation.pause(5);
}

function sendOne(
  simulation: Simulation,
  link: SimulatedLink,
  speech: Speech,
  tracks: Map<PartitionModel, ProducerTrack>,
  name: string,
  random: Prng,
): void {
  const { topics } = simulation;
  const topic = anyOf(random, topics.topics);
  const parts: { model: PartitionModel; batch: SentBatch; records: Uint8Array }[] = [];
  for (const model of topic.partitions) {
    if (parts.length > 0 && random.nextBoolean()) continue;
    const track = tracks.get(model) ?? { name, isGapless: false, nextOrder: 0 };
    tracks.set(model, track);
    const count = 1 + random.nextInt(random.nextInt(20) === 0 ? 8 : 4);
    const first = topics.takeNumbers(count);
    const stampMs = Math.floor(simulation.nowMs);
    const batch = model.sent(first, count, stampMs, track, null);
    const codec = anyOf(random, CODECS);
    parts.push({ model, batch, records: numberedBatch(first, count, stampMs, { codec, ...keysOf(model) }) });
  }
  const acks = anyOf(random, [-1, -1, 1, 0]);
  const request = {
    acks,
    timeoutMs: 1000,
    topics: [
      {
        ...spoken(speech, topic),
        partitions: parts.map(({ model, records }) => ({ partitionIndex: model.partition, records })),
      },
    ],
  };
  simulation.book.count('batches sent', parts.length);
  if (acks === 0) {
    link.tell(produce, speech.produceVersion, request);
    return;
  }
  link
    .ask(produce, speech.produceVersion, request)
    .then(
      (answer) => {
        const [answered] = answer.topics;
        demand(isAbout(speech, topic, answered), 'every topic of a produce is answered');
        for (const { model, batch } of parts) {
          const part = answered?.partitions.find(({ partitionIndex }) => partitionIndex === model.partition);
          demand(part !== undefined, 'every partition of a produce is answered');
          settle(simulation, model, batch, part);
        }
      },
      () => undefined,
    )
    .catch((error: unknown) => simulation.fail(error));
}

function settle(
  simulation: Simulation,
  model: PartitionModel,
  batch: SentBatch,
  part: { readonly errorCode: number; readonly baseOffset: number },
): void {
  simulation.note(`${batch.track.name}: ${model.folder} ${batch.firstNumber} -> ${part.errorCode} ${part.baseOffset}`);
  if (part.errorCode === 0) {
    simulation.book.count('batches acknowledged');
    model.acknowledged(batch, part.baseOffset);
    return;
  }
  simulation.book.count(`produce error ${part.errorCode}`);
  demand(
    mayComeAgain(simulation, part.errorCode),
    `${model.folder}: a good batch is answered with error ${part.errorCode}`,
  );
}
