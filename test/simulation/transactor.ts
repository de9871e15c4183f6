/**
 * A transactional producer, of the older or the newer kind: records in several partitions that become visible together or
 * not at all. What it could not learn the end of, it ends by taking its id anew.
 */
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { initProducerId } from '../../src/protocol/schemas/22-init-producer-id.ts';
import { addPartitionsToTxn } from '../../src/protocol/schemas/24-add-partitions-to-txn.ts';
import { endTxn } from '../../src/protocol/schemas/26-end-txn.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf, manners, mayComeAgain, untilFound } from './client-manners.ts';
import { numberedBatch } from './numbered-batches.ts';
import type { PartitionModel, ProducerTrack, TransactionFate } from './partition-model.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import type { TopicModel } from './topic-models.ts';
import { anySpeech, BY_NAME, type Speech, spoken } from './topic-speech.ts';
import { TransactionalOffsets } from './transactional-offsets.ts';
import { demand } from './violation.ts';

/** Another producer of the id, or the broker itself, has ended what was open; or its state went with the power. */
const GIVE_UP = new Set([45, 47, 48, 49, 59, 90, 120]);

const TIMEOUT_MS = 60_000;

export async function transactor(simulation: Simulation, name: string, random: Prng): Promise<void> {
  const work = new Transactor(simulation, name, random);
  while (simulation.isRunning || work.isOpen) {
    const link = await simulation.connect(manners(random));
    try {
      await work.on(link);
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

class Transactor {
  private readonly simulation: Simulation;
  private readonly name: string;
  private readonly random: Prng;
  private readonly isNewKind: boolean;
  private readonly speech: Speech;
  private readonly topic: TopicModel;
  private readonly offsets: TransactionalOffsets | null;
  private identity: { readonly producerId: number; readonly producerEpoch: number } | null = null;
  private sequences = new Map<PartitionModel, number>();
  private tracks = new Map<PartitionModel, ProducerTrack>();
  private readonly entered = new Set<PartitionModel>();
  private fate: TransactionFate | null = null;
  /** Asked for and not answered. */
  private wantedEnd: 'commit' | 'abort' | null = null;
  private count = 0;

  constructor(simulation: Simulation, name: string, random: Prng) {
    this.simulation = simulation;
    this.name = name;
    this.random = random;
    this.isNewKind = random.nextBoolean();
    // What is older does not know of ids.
    this.speech = this.isNewKind ? anySpeech(random) : BY_NAME;
    this.topic = simulation.topics.named('ledger');
    this.offsets = random.nextBoolean() ? new TransactionalOffsets(simulation, name, this.topic) : null;
  }

  private get produceVersion(): number {
    if (this.speech.isById) return this.speech.produceVersion;
    return this.isNewKind ? 12 : 11;
  }

  get isOpen(): boolean {
    return this.fate !== null;
  }

  async on(link: SimulatedLink): Promise<void> {
    const { simulation, random } = this;
    if (this.wantedEnd !== null) await this.end(link, this.wantedEnd);
    // Whether the last batch was taken nobody knows: what is open is given up.
    if (this.fate !== null || this.identity === null) await this.begin(link);
    while (simulation.isRunning && !link.isBroken) {
      this.count += 1;
      const { trueMs: begunMs, history } = this.simulation;
      const open = { outcome: 'open', begunMs, begunLife: history.life, endedMs: Number.POSITIVE_INFINITY } as const;
      this.fate = { ...open, name: `${this.name}:${this.count}`, life: -1 };
      let isGood = true;
      for (let left = 1 + random.nextInt(4); left > 0 && isGood; left--) {
        const isOffset = this.offsets !== null && random.nextInt(3) === 0;
        isGood = isOffset
          ? await this.commitOffset(link)
          : await this.write(link, anyOf(random, this.topic.partitions));
        if (random.nextBoolean()) await simulation.pause(random.nextInt(40));
      }
      if (isGood) await this.end(link, random.nextBoolean(0.7) ? 'commit' : 'abort');
      if (this.fate !== null || this.identity === null) await this.begin(link);
      if (random.nextInt(5) === 0) await this.offsets?.check(link);
      await simulation.pause(random.nextInt(60));
    }
    if (!link.isBroken) await this.offsets?.check(link);
  }

  /** The id anew, under another epoch: whatever was open is aborted. */
  private async begin(link: SimulatedLink): Promise<void> {
    const { simulation } = this;
    await link.ask(findCoordinator, 4, { keyType: 1, coordinatorKeys: [this.name] });
    for (;;) {
      const answer = await link.ask(initProducerId, 5, {
        transactionalId: this.name,
        transactionTimeoutMs: TIMEOUT_MS,
      });
      if (answer.errorCode === 0) {
        if (this.fate !== null) this.settle(this.wantedEnd === 'commit' ? 'unknown' : 'aborted');
        this.take(answer);
        return;
      }
      demand(
        mayComeAgain(simulation, answer.errorCode),
        `${this.name}: InitProducerId is answered with ${answer.errorCode}`,
      );
      await untilFound(simulation, link, 1, this.name);
    }
  }

  private take(identity: { readonly producerId: number; readonly producerEpoch: number }): void {
    const { producerId, producerEpoch } = identity;
    if (this.identity?.producerId === producerId && this.identity.producerEpoch === producerEpoch) return;
    this.identity = { producerId, producerEpoch };
    this.sequences = new Map();
    this.tracks = new Map();
  }

  /** False: the transaction cannot go on. */
  private async write(link: SimulatedLink, model: PartitionModel): Promise<boolean> {
    const { simulation, random, identity, fate } = this;
    if (identity === null || fate === null) return false;
    if (!this.isNewKind && !this.entered.has(model) && !(await this.enter(link, model))) return false;
    this.entered.add(model);
    const count = 1 + random.nextInt(3);
    const first = simulation.topics.takeNumbers(count);
    const track = this.tracks.get(model) ?? { name: `${this.name}.${this.count}`, isGapless: false, nextOrder: 0 };
    this.tracks.set(model, track);
    const sequence = this.sequences.get(model) ?? 0;
    const stampMs = Math.floor(simulation.nowMs);
    const batch = model.sent(first, count, stampMs, track, fate);
    const records = numberedBatch(first, count, stampMs, {
      ...identity,
      baseSequence: sequence,
      isTransactional: true,
    });
    simulation.book.count('batches sent');
    for (;;) {
      const answer = await link.ask(produce, this.produceVersion, {
        transactionalId: this.name,
        acks: -1,
        timeoutMs: 1000,
        topics: [{ ...spoken(this.speech, model.topic), partitions: [{ partitionIndex: model.partition, records }] }],
      });
      const part = answer.topics[0]?.partitions[0];
      demand(part !== undefined, 'every partition of a produce is answered');
      simulation.note(`${fate.name}: ${model.folder} ${first} -> ${part.errorCode} ${part.baseOffset}`);
      if (part.errorCode === 0) {
        simulation.book.count('batches acknowledged');
        this.sequences.set(model, sequence + count);
        model.acknowledged(batch, part.baseOffset);
        return true;
      }
      simulation.book.count(`produce error ${part.errorCode}`);
      if (this.mustGiveUp(part.errorCode)) return false;
      demand(
        mayComeAgain(simulation, part.errorCode),
        `${model.folder}: a transaction is answered with ${part.errorCode}`,
      );
      await simulation.pause(30);
    }
  }

  /** False: the transaction cannot go on. */
  private async commitOffset(link: SimulatedLink): Promise<boolean> {
    const { simulation, identity, offsets, name: transactionalId } = this;
    if (identity === null || offsets === null) return false;
    for (;;) {
      const code = await offsets.commit(link, { transactionalId, ...identity }, this.isNewKind, this.random);
      if (code === 0) return true;
      if (this.mustGiveUp(code)) return false;
      demand(mayComeAgain(simulation, code), `${offsets.group}: offsets of a transaction are answered with ${code}`);
      await untilFound(simulation, link, 0, offsets.group);
    }
  }

  private async enter(link: SimulatedLink, model: PartitionModel): Promise<boolean> {
    const { simulation, identity, name } = this;
    for (;;) {
      const answer = await link.ask(addPartitionsToTxn, 3, {
        transactions: [],
        v3AndBelowTransactionalId: name,
        v3AndBelowProducerId: identity?.producerId ?? -1,
        v3AndBelowProducerEpoch: identity?.producerEpoch ?? -1,
        v3AndBelowTopics: [{ name: model.topic.name, partitions: [model.partition] }],
      });
      const code = answer.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode ?? -1;
      if (code === 0) return true;
      if (this.mustGiveUp(code)) return false;
      demand(mayComeAgain(simulation, code), `${name}: a partition is not added to a transaction (error ${code})`);
      await simulation.pause(30);
    }
  }

  private async end(link: SimulatedLink, how: 'commit' | 'abort'): Promise<void> {
    const { simulation, name, identity } = this;
    if (identity === null) return;
    this.wantedEnd = how;
    for (;;) {
      const answer = await link.ask(endTxn, this.isNewKind ? 5 : 4, {
        transactionalId: name,
        ...identity,
        committed: how === 'commit',
      });
      simulation.note(`${this.fate?.name}: ${how} -> ${answer.errorCode}`);
      if (answer.errorCode === 0) {
        this.settle(how === 'commit' ? 'committed' : 'aborted');
        if (this.isNewKind) this.take(answer);
        return;
      }
      // Nothing was written, or somebody else has ended it; `begin` makes sure that it is over.
      if (this.mustGiveUp(answer.errorCode)) return;
      demand(mayComeAgain(simulation, answer.errorCode), `${name}: EndTxn is answered with error ${answer.errorCode}`);
      await untilFound(simulation, link, 1, name);
    }
  }

  /** Its transaction took too long, or a power cut took what was known of it. */
  private mustGiveUp(code: number): boolean {
    const { simulation, fate, name } = this;
    if (!GIVE_UP.has(code)) return false;
    const isLate =
      fate === null || simulation.trueMs - fate.begunMs > TIMEOUT_MS || simulation.hasShiftedSince(fate.begunMs);
    const isExcused =
      isLate ||
      simulation.isExcusedForgotten ||
      simulation.topics.partitions.some((model) => simulation.history.isUnnoted(model.folder));
    demand(isExcused, `${name}: a transaction that goes on is answered with error ${code}`);
    simulation.book.count(`transactions given up for error ${code}`);
    return true;
  }

  private settle(outcome: 'committed' | 'aborted' | 'unknown'): void {
    const { fate, simulation } = this;
    this.wantedEnd = null;
    this.entered.clear();
    this.fate = null;
    this.offsets?.settle(outcome);
    if (fate === null) return;
    fate.outcome = outcome;
    fate.endedMs = simulation.trueMs;
    fate.life = simulation.history.life;
    simulation.book.count(`transactions ${outcome}`);
  }
}
