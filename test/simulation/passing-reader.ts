/**
 * Reads topics that come and go in one fetch session, by id. A topic that it is told is not there any more it takes out of the
 * session, and puts what has the name now in its place.
 */
import type { ResponseOf } from '../../src/protocol/api.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf, beginningOf, manners, mayComeAgain } from './client-manners.ts';
import type { PartitionModel } from './partition-model.ts';
import {
  type AskedTopic,
  asAsked,
  lookUp,
  type PassedTopic,
  type PassingTopic,
  tellsOfNone,
} from './passing-topics.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { BY_ID } from './topic-speech.ts';
import { demand } from './violation.ts';

const OFFSET_OUT_OF_RANGE = 1;
const SESSION_GONE = new Set([70, 71]);
const NOT_TOLD = -1;

type FetchedPart = ResponseOf<typeof fetch>['topics'][number]['partitions'][number];

interface Place {
  readonly model: PartitionModel;
  position: number;
  /** The session knows of it as it is. */
  toldPosition: number;
  /** As they were known when it was asked. */
  deletedOffset: number;
  endOffset: number;
}

interface Followed {
  readonly passing: PassingTopic;
  readonly topic: PassedTopic;
  readonly places: Place[];
  asked: AskedTopic;
}

export async function passingReader(simulation: Simulation, random: Prng): Promise<void> {
  const work = new PassingReader(simulation, random);
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

class PassingReader {
  private readonly simulation: Simulation;
  private readonly random: Prng;
  private followed: Followed[] = [];
  private forgotten: Followed[] = [];
  private sessionId = 0;
  private sessionEpoch = 0;

  constructor(simulation: Simulation, random: Prng) {
    this.simulation = simulation;
    this.random = random;
  }

  async on(link: SimulatedLink): Promise<void> {
    const { simulation, random } = this;
    this.beginSession();
    while (simulation.isRunning && !link.isBroken) {
      for (const passing of simulation.topics.passing) await this.follow(link, passing);
      if (this.followed.length > 0) await this.fetchOnce(link);
      await simulation.pause(random.nextInt(this.followed.length > 0 ? 30 : 80));
    }
  }

  private beginSession(): void {
    this.sessionId = 0;
    this.sessionEpoch = 0;
    this.forgotten = [];
    for (const { places } of this.followed) for (const place of places) place.toldPosition = NOT_TOLD;
  }

  private async follow(link: SimulatedLink, passing: PassingTopic): Promise<void> {
    const known = this.followed.find((each) => each.passing === passing);
    // It may have got more partitions.
    if (known !== undefined && this.random.nextInt(12) > 0) return;
    const topic = await lookUp(this.simulation, link, passing);
    if (topic === null || (known !== undefined && known.topic !== topic)) return;
    const followed = known ?? { passing, topic, places: [], asked: asAsked(topic) };
    for (const model of topic.partitions.slice(followed.places.length))
      followed.places.push({ model, position: 0, toldPosition: NOT_TOLD, deletedOffset: 0, endOffset: 0 });
    if (known !== undefined) return;
    this.followed.push(followed);
    // Whoever forgets what it adds has it forgotten.
    this.forgotten = this.forgotten.filter((each) => each.topic !== topic);
  }

  private unfollow(followed: Followed): void {
    if (!this.followed.includes(followed)) return;
    this.followed = this.followed.filter((each) => each !== followed);
    this.forgotten.push(followed);
  }

  private async fetchOnce(link: SimulatedLink): Promise<void> {
    const { simulation, random } = this;
    const asked = [...this.followed];
    for (const each of asked) {
      each.asked = asAsked(each.topic);
      for (const place of each.places) {
        place.deletedOffset = place.model.start.deletedOffset;
        place.endOffset = place.model.endOffset;
      }
    }
    const request = {
      maxWaitMs: anyOf(random, [0, 20, 200]),
      minBytes: 1,
      sessionId: this.sessionId,
      sessionEpoch: this.sessionEpoch,
      topics: asked.map((each) => this.wishOf(each)).filter(({ partitions }) => partitions.length > 0),
      forgottenTopics: this.forgotten.map(({ topic, places }) => ({
        topicId: topic.id,
        partitions: places.map(({ model }) => model.partition),
      })),
    };
    this.forgotten = [];
    const answer = await link.ask(fetch, BY_ID.fetchVersion, request);
    simulation.book.count('fetches by id of passing topics');
    if (SESSION_GONE.has(answer.errorCode)) return this.beginSession();
    demand(answer.errorCode === 0, `a fetch by id is answered with error ${answer.errorCode}`);
    this.sessionId = answer.sessionId;
    this.sessionEpoch = this.sessionId === 0 ? 0 : this.sessionEpoch + 1;
    if (this.sessionId === 0) this.beginSession();
    const told = new Set<Followed>();
    // What was given is taken before anything is waited for: by then its broker may be gone, and another be held to it.
    const waits: (() => Promise<void>)[] = [];
    for (const { topicId, partitions } of answer.topics) {
      const followed = asked.find(({ topic }) => topic.id === topicId);
      demand(followed !== undefined, 'only topics that were asked for are answered');
      told.add(followed);
      for (const part of partitions) {
        const wait = this.take(link, followed, part);
        if (wait !== null) waits.push(wait);
      }
    }
    for (const each of asked)
      demand(!each.asked.wasGone || told.has(each), `nobody tells a reader of ${each.topic.name} that it is deleted`);
    for (const wait of waits) await wait();
  }

  private wishOf({ topic, places }: Followed) {
    const wanted = places.filter(({ position, toldPosition }) => position !== toldPosition);
    return {
      topicId: topic.id,
      partitions: wanted.map((place) => {
        place.toldPosition = place.position;
        return {
          partitionIndex: place.model.partition,
          fetchOffset: place.position,
          partitionMaxBytes: anyOf(this.random, [1, 700, 1 << 16]),
        };
      }),
    };
  }

  /** What is to be waited for before it is asked for more, or null. */
  private take(link: SimulatedLink, followed: Followed, part: FetchedPart): (() => Promise<void>) | null {
    const { simulation } = this;
    const { places, asked } = followed;
    const { errorCode: code } = part;
    const place = places.find(({ model }) => model.partition === part.partitionIndex);
    demand(place !== undefined, 'only partitions that were asked for are answered');
    const { model } = place;
    if (tellsOfNone(simulation, asked, code)) {
      this.unfollow(followed);
      return null;
    }
    if (code === OFFSET_OUT_OF_RANGE) return () => this.find(link, followed, place);
    if (code !== 0) {
      demand(mayComeAgain(simulation, code), `${model.folder}: a fetch by id is answered with error ${code}`);
      return () => simulation.pause(20);
    }
    model.start.seen(part.logStartOffset, place.deletedOffset);
    for (const batch of simulation.found(part.records, model.folder)) {
      if (batch.lastOffset < place.position) continue;
      demand(
        batch.baseOffset <= place.position && batch.lastOffset < part.highWatermark,
        `${model.folder}: a reader at ${place.position} is given the batch at ${batch.baseOffset}`,
      );
      model.seen(batch);
      simulation.book.count('records read by id of a passing topic', batch.records.length);
      place.position = batch.lastOffset + 1;
    }
    return null;
  }

  /** Its place is not in the log any more; only by name it can be asked where that begins. */
  private async find(link: SimulatedLink, { passing, topic }: Followed, place: Place): Promise<void> {
    const { simulation } = this;
    const { model, position, endOffset } = place;
    const isOver = (): boolean => topic.isLeaving || passing.current !== topic;
    const startOffset = isOver() ? null : await beginningOf(simulation, link, model, isOver);
    if (startOffset === null) return await simulation.pause(20);
    demand(
      position < startOffset || position > endOffset,
      `${model.folder}: offset ${position} is out of range in a log from ${startOffset} to ${endOffset}`,
    );
    place.position = startOffset;
  }
}
