/**
 * An idempotent producer as clients build them: up to five batches of a partition under way, everything that was not
 * answered is sent again in order and under its sequence numbers, whatever broker answers. Each batch is stored once, in
 * order, without a gap. Only after a loss of power that took acknowledged batches may the broker not know how to go on;
 * then the producer takes a new id and gives up what was under way.
 */
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { initProducerId } from '../../src/protocol/schemas/22-init-producer-id.ts';
import type { Prng } from '../support/prng.ts';
import { manners, mayComeAgain } from './client-manners.ts';
import { numberedBatch } from './numbered-batches.ts';
import { keysOf, type PartitionModel, type ProducerTrack, type SentBatch } from './partition-model.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { anySpeech, isAbout, type Speech, spoken } from './topic-speech.ts';
import { demand } from './violation.ts';

const UNDER_WAY_MAX = 5;
const OUT_OF_ORDER = 45;
const DUPLICATE = 46;
const UNKNOWN_PRODUCER = 59;

interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

interface Flight {
  readonly batch: SentBatch;
  readonly records: Uint8Array;
  isSent: boolean;
}

export async function idempotentProducer(simulation: Simulation, name: string, random: Prng): Promise<void> {
  const lines = simulation.topics.partitions.map((model) => new Line(simulation, model, name, random));
  let identity: Identity | null = null;
  while (simulation.isRunning || lines.some((line) => line.isWaiting)) {
    const link = await simulation.connect(manners(random));
    try {
      if (lines.some((line) => line.isLost)) identity = null;
      identity ??= await takeId(simulation, link);
      const known: Identity = identity;
      await Promise.all(lines.map((line) => line.work(link, known)));
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

async function takeId(simulation: Simulation, link: SimulatedLink): Promise<Identity> {
  for (;;) {
    const answer = await link.ask(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 60_000 });
    if (answer.errorCode === 0) return answer;
    demand(mayComeAgain(simulation, answer.errorCode), `InitProducerId is answered with error ${answer.errorCode}`);
    await simulation.pause(30);
  }
}

/** What one producer has under way to one partition. */
class Line {
  /** The broker cannot go on with this producer. */
  isLost = false;
  private readonly simulation: Simulation;
  private readonly model: PartitionModel;
  private readonly name: string;
  private readonly random: Prng;
  private readonly flights: Flight[] = [];
  private identity: Identity | null = null;
  private speech: Speech;
  private track: ProducerTrack;
  private nextSequence = 0;
  private generation = 0;
  private isToBeSentAgain = false;
  private pendingCount = 0;
  /** In which something was acknowledged to it last. */
  private lifeOfLastWord = 0;

  constructor(simulation: Simulation, model: PartitionModel, name: string, random: Prng) {
    this.simulation = simulation;
    this.model = model;
    this.name = name;
    this.random = random;
    this.speech = anySpeech(random);
    this.track = { name, isGapless: true, nextOrder: 0 };
  }

  get isWaiting(): boolean {
    return this.flights.length > 0;
  }

  async work(link: SimulatedLink, identity: Identity): Promise<void> {
    const { simulation, random, flights } = this;
    this.begin(identity);
    while (!link.isBroken && !this.isLost && (simulation.isRunning || this.isWaiting)) {
      if (this.isToBeSentAgain && this.pendingCount === 0) {
        this.isToBeSentAgain = false;
        for (const flight of flights) flight.isSent = false;
        await simulation.pause(10 + random.nextInt(60));
        continue;
      }
      const next = this.isToBeSentAgain ? undefined : flights.find(({ isSent }) => !isSent);
      if (next !== undefined) this.send(link, next);
      else if (simulation.isRunning && flights.length < UNDER_WAY_MAX && random.nextInt(3) > 0) this.addOne(identity);
      else await simulation.pause(1 + random.nextInt(60));
    }
    while (this.isLost && !link.isBroken && this.pendingCount > 0) await simulation.pause(5);
    if (this.isLost) link.break();
  }

  private begin(identity: Identity): void {
    this.pendingCount = 0;
    this.isToBeSentAgain = false;
    this.speech = anySpeech(this.random);
    for (const flight of this.flights) flight.isSent = false;
    if (this.identity === identity) return;
    this.identity = identity;
    this.isLost = false;
    this.flights.length = 0;
    this.nextSequence = 0;
    this.generation += 1;
    this.track = { name: `${this.name}/${this.generation}`, isGapless: true, nextOrder: 0 };
    this.lifeOfLastWord = this.simulation.history.life;
  }

  private addOne({ producerId, producerEpoch }: Identity): void {
    const { simulation, random, model } = this;
    const count = 1 + random.nextInt(4);
    const first = simulation.topics.takeNumbers(count);
    const stampMs = Math.floor(simulation.nowMs);
    const batch = model.sent(first, count, stampMs, this.track, null);
    const records = numberedBatch(first, count, stampMs, {
      producerId,
      producerEpoch,
      baseSequence: this.nextSequence,
      ...keysOf(model),
    });
    this.nextSequence += count;
    this.flights.push({ batch, records, isSent: false });
    simulation.book.count('batches sent');
  }

  private send(link: SimulatedLink, flight: Flight): void {
    const { simulation, model, speech } = this;
    flight.isSent = true;
    this.pendingCount += 1;
    const request = {
      acks: -1,
      timeoutMs: 1000,
      topics: [
        { ...spoken(speech, model.topic), partitions: [{ partitionIndex: model.partition, records: flight.records }] },
      ],
    };
    const { identity } = this;
    link
      .ask(produce, speech.produceVersion, request)
      .then(
        (answer) => {
          if (identity !== this.identity) return;
          this.pendingCount -= 1;
          const [topic] = answer.topics;
          const part = topic?.partitions[0];
          demand(part !== undefined && isAbout(speech, model.topic, topic), 'every partition of a produce is answered');
          this.settle(flight, part.errorCode, part.baseOffset);
        },
        () => undefined,
      )
      .catch((error: unknown) => simulation.fail(error));
  }

  private settle(flight: Flight, code: number, baseOffset: number): void {
    const { simulation, model, flights } = this;
    const { batch } = flight;
    simulation.note(`${batch.track.name}: ${model.folder} ${batch.firstNumber} -> ${code} ${baseOffset}`);
    const place = flights.indexOf(flight);
    if (place < 0) return;
    if (code === 0 || code === DUPLICATE) {
      simulation.book.count('batches acknowledged');
      if (code === 0) model.acknowledged(batch, baseOffset);
      flights.splice(place, 1);
      this.lifeOfLastWord = simulation.history.life;
      return;
    }
    simulation.book.count(`produce error ${code}`);
    const cannotGoOn = code === OUT_OF_ORDER || code === UNKNOWN_PRODUCER;
    demand(
      cannotGoOn || mayComeAgain(simulation, code),
      `${model.folder}: ${batch.track.name} is answered with error ${code}`,
    );
    if (!cannotGoOn || this.isToBeSentAgain || place > 0) {
      this.isToBeSentAgain = true;
      return;
    }
    const { history } = simulation;
    const mayBeLost = model.promised === 'window' || history.isUnnoted(model.folder);
    const isExcused = mayBeLost && history.hasPowerCutSince(this.lifeOfLastWord);
    demand(isExcused, `${model.folder}: ${batch.track.name} cannot go on at batch ${batch.order} (error ${code})`);
    this.isLost = true;
  }
}
