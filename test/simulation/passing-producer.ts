/**
 * Writes by id to topics that come and go, as today's clients do: it keeps to the id that it knows until it is told that there
 * is none, over broken connections and dead brokers, and only then asks what has the name now.
 */
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf, manners, mayComeAgain } from './client-manners.ts';
import { numberedBatch } from './numbered-batches.ts';
import type { PartitionModel, ProducerTrack, SentBatch } from './partition-model.ts';
import { type AskedTopic, asAsked, lookUp, lookUpById, type PassedTopic, tellsOfNone } from './passing-topics.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { BY_ID, isAbout, spoken } from './topic-speech.ts';
import { demand } from './violation.ts';

const IN_FLIGHT_MAX = 4;

export async function passingProducer(simulation: Simulation, name: string, random: Prng): Promise<void> {
  const work = new PassingProducer(simulation, name, random);
  while (simulation.isRunning) {
    const link = await simulation.connect(manners(random));
    try {
      await work.on(link);
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

class PassingProducer {
  private readonly simulation: Simulation;
  private readonly name: string;
  private readonly random: Prng;
  private topic: PassedTopic | null = null;
  /** It was told that there is no such topic. */
  private isStale = false;
  private tracks = new Map<PartitionModel, ProducerTrack>();

  constructor(simulation: Simulation, name: string, random: Prng) {
    this.simulation = simulation;
    this.name = name;
    this.random = random;
  }

  async on(link: SimulatedLink): Promise<void> {
    const { simulation, random } = this;
    this.tracks = new Map();
    while (simulation.isRunning && !link.isBroken) {
      if (this.topic === null || this.isStale || random.nextInt(30) === 0) await this.choose(link);
      else if (link.pendingCount < IN_FLIGHT_MAX) this.send(link, this.topic);
      await simulation.pause(random.nextInt(25));
    }
    while (link.pendingCount > 0 && !link.isBroken) await simulation.pause(5);
  }

  private async choose(link: SimulatedLink): Promise<void> {
    const { simulation, random, topic } = this;
    if (topic !== null && random.nextInt(3) === 0) await lookUpById(simulation, link, topic);
    this.topic = await lookUp(simulation, link, anyOf(random, simulation.topics.passing));
    this.isStale = false;
  }

  private send(link: SimulatedLink, topic: PassedTopic): void {
    const { simulation, random } = this;
    const model = anyOf(random, topic.partitions);
    // What a life has is looked at before it gets more.
    if (!topic.isGone && model.verifiedLife !== simulation.history.life) {
      this.topic = null;
      return;
    }
    const track = this.tracks.get(model) ?? { name: `${this.name} on ${link.number}`, isGapless: false, nextOrder: 0 };
    this.tracks.set(model, track);
    const count = 1 + random.nextInt(3);
    const first = simulation.topics.takeNumbers(count);
    const stampMs = Math.floor(simulation.nowMs);
    const batch = model.sent(first, count, stampMs, track, null);
    const records = numberedBatch(first, count, stampMs);
    const asked = asAsked(topic);
    const topics = [{ ...spoken(BY_ID, topic), partitions: [{ partitionIndex: model.partition, records }] }];
    link
      .ask(produce, BY_ID.produceVersion, { acks: anyOf(random, [-1, -1, 1]), timeoutMs: 1000, topics })
      .then(
        (answer) => {
          const [answered] = answer.topics;
          const part = answered?.partitions[0];
          demand(
            part !== undefined && isAbout(BY_ID, topic, answered),
            'every topic of a produce is answered under its id',
          );
          this.settle(asked, model, batch, part);
        },
        () => undefined,
      )
      .catch((error: unknown) => simulation.fail(error));
  }

  private settle(
    asked: AskedTopic,
    model: PartitionModel,
    batch: SentBatch,
    { errorCode, baseOffset }: { readonly errorCode: number; readonly baseOffset: number },
  ): void {
    const { simulation } = this;
    simulation.note(`${batch.track.name}: ${model.folder} ${batch.firstNumber} -> ${errorCode} ${baseOffset}`);
    if (tellsOfNone(simulation, asked, errorCode)) {
      if (asked.topic === this.topic) this.isStale = true;
    } else if (errorCode === 0) {
      simulation.book.count('batches acknowledged by id of a passing topic');
      model.acknowledged(batch, baseOffset);
    } else {
      simulation.book.count(`produce error ${errorCode}`);
      demand(
        mayComeAgain(simulation, errorCode),
        `${model.folder}: a batch by the id of a topic that is there is answered with error ${errorCode}`,
      );
    }
  }
}
