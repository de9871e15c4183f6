/**
 * A member of a share group (KIP-932): takes records up, accepts, rejects or releases them, keeps them for too long, goes
 * without a word. What must hold is in `share-book`.
 */
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { shareGroupHeartbeat } from '../../src/protocol/schemas/76-share-group-heartbeat.ts';
import { shareFetch } from '../../src/protocol/schemas/78-share-fetch.ts';
import { shareAcknowledge } from '../../src/protocol/schemas/79-share-acknowledge.ts';
import { describeShareGroupOffsets } from '../../src/protocol/schemas/90-describe-share-group-offsets.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf, beginningOf, manners, mayComeAgain, untilFound } from './client-manners.ts';
import type { PartitionModel } from './partition-model.ts';
import { LOCK_MS, type ShareBook } from './share-book.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import type { TopicModel } from './topic-models.ts';
import { demand } from './violation.ts';

const GROUP_RESOURCE = 32;
const ACCEPT = 1;
const RELEASE = 2;
const REJECT = 3;
const NOT_A_MEMBER = new Set([25, 69, 110]);
const SESSION_GONE = new Set([122, 123, 133]);
/** The lock is over, or the state is another by now. */
const TOO_LATE = 121;
const INVALID_REQUEST = 42;

export async function shareMember(
  simulation: Simulation,
  book: ShareBook,
  topic: TopicModel,
  memberId: string,
  random: Prng,
): Promise<void> {
  while (simulation.isRunning) {
    const link = await simulation.connect(manners(random));
    try {
      await new ShareMember(simulation, link, book, topic, memberId, random).run();
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

class ShareMember {
  private readonly simulation: Simulation;
  private readonly link: SimulatedLink;
  private readonly book: ShareBook;
  private readonly topic: TopicModel;
  private readonly memberId: string;
  private readonly random: Prng;
  private topicId = '';
  private memberEpoch = 0;
  private sessionEpoch = 0;

  constructor(
    simulation: Simulation,
    link: SimulatedLink,
    book: ShareBook,
    topic: TopicModel,
    memberId: string,
    random: Prng,
  ) {
    this.simulation = simulation;
    this.link = link;
    this.book = book;
    this.topic = topic;
    this.memberId = memberId;
    this.random = random;
  }

  async run(): Promise<void> {
    const { simulation, link, book, topic, random } = this;
    await link.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: [book.group] });
    if (!(await this.configure())) return await simulation.pause(50);
    const described = await link.ask(metadata, 12, {
      topics: [{ name: topic.name }],
      allowAutoTopicCreation: false,
    });
    this.topicId = described.topics[0]?.topicId ?? '';
    while (simulation.isRunning && !link.isBroken) {
      const dice = random.nextInt(20);
      if (this.memberEpoch === 0 || dice < 3) await this.beat();
      else if (dice === 3) await this.checkStarts();
      else if (dice === 4) return;
      else await this.take();
      await simulation.pause(random.nextInt(60));
    }
  }

  /** So that it begins with the first record, whenever that is. */
  private async configure(): Promise<boolean> {
    const { simulation, link, book } = this;
    const configs = [{ name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' }];
    const resources = [{ resourceType: GROUP_RESOURCE, resourceName: book.group, configs }];
    const answer = await link.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false });
    const code = answer.responses[0]?.errorCode ?? -1;
    demand(code === 0 || simulation.isDiskTroubled, `${book.group} cannot be set up (error ${code})`);
    return code === 0;
  }

  private async beat(): Promise<void> {
    const { simulation, link, book, memberId, memberEpoch, topic } = this;
    const answer = await link.ask(shareGroupHeartbeat, 1, {
      groupId: book.group,
      memberId,
      memberEpoch,
      subscribedTopicNames: [topic.name],
    });
    if (answer.errorCode === 0) {
      this.memberEpoch = answer.memberEpoch;
      return;
    }
    this.memberEpoch = 0;
    if (NOT_A_MEMBER.has(answer.errorCode)) return;
    demand(mayComeAgain(simulation, answer.errorCode), `${book.group}: a member is told ${answer.errorCode}`);
    await untilFound(simulation, link, 0, book.group);
  }

  private async take(): Promise<void> {
    const { simulation, link, book, memberId, topic, random, topicId, sessionEpoch } = this;
    const askedMs = simulation.trueMs;
    const partitions = topic.partitions.map(({ partition }) => ({
      partitionIndex: partition,
      acknowledgementBatches: [],
    }));
    const answer = await link.ask(shareFetch, 2, {
      groupId: book.group,
      memberId,
      shareSessionEpoch: sessionEpoch,
      maxWaitMs: anyOf(random, [0, 30]),
      minBytes: 1,
      maxRecords: anyOf(random, [1, 20, 500]),
      batchSize: anyOf(random, [1, 10, 500]),
      topics: sessionEpoch === 0 ? [{ topicId, partitions }] : [],
      forgottenTopicsData: [],
    });
    this.sessionEpoch += 1;
    if (SESSION_GONE.has(answer.errorCode)) {
      this.sessionEpoch = 0;
      return;
    }
    this.demandGood(answer.errorCode, 'a fetch');
    const taken = new Map<PartitionModel, number[]>();
    for (const part of answer.responses.flatMap((each) => each.partitions)) {
      const model = topic.partitions[part.partitionIndex];
      demand(model !== undefined, 'only what was asked for is answered');
      this.demandGood(part.errorCode, model.folder);
      const read = new Set<number>();
      for (const batch of simulation.found(part.records, model.folder)) {
        model.seen(batch);
        for (const { offset } of batch.records) read.add(offset);
      }
      const offsets: number[] = [];
      for (const { firstOffset, lastOffset, deliveryCount } of part.acquiredRecords)
        for (let offset = firstOffset; offset <= lastOffset; offset++) {
          demand(read.has(offset), `${book.group}: ${offset} of ${model.folder} is handed out without its record`);
          book.given(link, model, offset, deliveryCount, askedMs);
          offsets.push(offset);
        }
      if (offsets.length > 0) taken.set(model, offsets);
    }
    for (const [model, offsets] of taken) await this.finish(model, offsets);
  }

  private async finish(model: PartitionModel, offsets: readonly number[]): Promise<void> {
    const { simulation, link, book, memberId, random, topicId, sessionEpoch } = this;
    simulation.book.count('records handed out by share groups', offsets.length);
    if (random.nextInt(12) === 0) return;
    await simulation.pause(random.nextInt(10) === 0 ? random.nextInt(2 * LOCK_MS) : random.nextInt(30));
    const type = anyOf(random, [ACCEPT, ACCEPT, ACCEPT, ACCEPT, REJECT, RELEASE]);
    book.tells(model, offsets, type === RELEASE);
    const acknowledgementBatches = offsets.map((offset) => ({
      firstOffset: offset,
      lastOffset: offset,
      acknowledgeTypes: [type],
    }));
    const partitions = [{ partitionIndex: model.partition, acknowledgementBatches }];
    const topics = [{ topicId, partitions }];
    const request = { groupId: book.group, memberId, shareSessionEpoch: sessionEpoch, topics };
    const answer = await link.ask(shareAcknowledge, 2, request);
    this.sessionEpoch += 1;
    if (SESSION_GONE.has(answer.errorCode)) {
      this.sessionEpoch = 0;
      return;
    }
    this.demandGood(answer.errorCode, 'an acknowledgement');
    const code = answer.responses[0]?.partitions[0]?.errorCode ?? answer.errorCode;
    simulation.note(`${book.group}: ${memberId} ${type} ${model.folder} ${offsets.join(' ')} -> ${code}`);
    simulation.book.count(code === 0 ? 'acknowledgements of share groups' : `share acknowledge error ${code}`);
    if (code === 0 && type !== RELEASE) book.settled(model, offsets);
    // What could not be stored is read anew, and knows nothing of records that were handed out behind it.
    if (code === INVALID_REQUEST && simulation.isDiskTroubled) return;
    if (code !== TOO_LATE) this.demandGood(code, model.folder);
  }

  private async checkStarts(): Promise<void> {
    const { simulation, link, book, topic, random } = this;
    const model = anyOf(random, topic.partitions);
    const answer = await link.ask(describeShareGroupOffsets, 1, {
      groups: [{ groupId: book.group, topics: [{ topicName: topic.name, partitions: [model.partition] }] }],
    });
    const found = answer.groups[0]?.topics[0]?.partitions[0];
    if (found === undefined || found.errorCode !== 0 || found.startOffset < 0) return;
    const logStart = await beginningOf(simulation, link, model);
    if (logStart !== null) book.checkStart(model, logStart, found.startOffset);
  }

  private demandGood(code: number, what: string): void {
    demand(code === 0 || mayComeAgain(this.simulation, code), `${this.book.group}: ${what} is answered with ${code}`);
  }
}
