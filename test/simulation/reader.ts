/**
 * A consumer that reads whatever comes, in fetch sessions and with requests that wait at the broker. It knows its place and
 * the epoch under which it read; after a break it asks where that epoch ended, and goes back only as far as it is told.
 */
import type { ResponseOf } from '../../src/protocol/api.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf, beginningOf, manners, mayComeAgain } from './client-manners.ts';
import type { FoundBatch } from './numbered-batches.ts';
import type { PartitionModel, TopicName } from './partition-model.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { anySpeech, isAbout, type Speech, spoken } from './topic-speech.ts';
import { demand } from './violation.ts';

const OFFSET_OUT_OF_RANGE = 1;
const SESSION_GONE = new Set([70, 71]);
const FENCED = new Set([74, 75, 76]);

type FetchedPart = ResponseOf<typeof fetch>['topics'][number]['partitions'][number];

interface Place {
  readonly model: PartitionModel;
  position: number;
  epoch: number;
  /** In which it was read last. */
  life: number;
  /** The last session knows of it as it is. */
  toldPosition: number;
  /** Known to be deleted up to there when it was asked. */
  deletedOffset: number;
  /** Known to reach up to there when it was asked. */
  endOffset: number;
  high: number;
  stable: number;
  start: number;
}

export async function reader(simulation: Simulation, name: string, random: Prng): Promise<void> {
  const topic = anyOf(random, simulation.topics.topics);
  const places = topic.partitions.map((model) => placeOf(model));
  const isCommitted = random.nextBoolean();
  const isThrough = (): boolean => places.every((place) => isAtEnd(place));
  while (simulation.isRunning || !isThrough()) {
    const link = await simulation.connect(manners(random));
    try {
      await new Reading(simulation, link, topic, places, random, isCommitted).run(isThrough);
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
    simulation.note(`${name} at ${places.map(({ position }) => position).join(' ')}`);
  }
}

function placeOf(model: PartitionModel): Place {
  return {
    model,
    position: 0,
    epoch: -1,
    life: 0,
    toldPosition: -1,
    deletedOffset: 0,
    endOffset: 0,
    high: -1,
    stable: -1,
    start: -1,
  };
}

/** It has all that is known to be there. */
function isAtEnd({ model, position }: Place): boolean {
  return position >= model.endOffset;
}

class Reading {
  private readonly simulation: Simulation;
  private readonly link: SimulatedLink;
  private readonly topic: TopicName;
  private readonly speech: Speech;
  private readonly places: readonly Place[];
  private readonly random: Prng;
  private readonly isCommitted: boolean;
  private sessionId = 0;
  private sessionEpoch = 0;

  constructor(
    simulation: Simulation,
    link: SimulatedLink,
    topic: TopicName,
    places: readonly Place[],
    random: Prng,
    isCommitted: boolean,
  ) {
    this.simulation = simulation;
    this.link = link;
    this.topic = topic;
    this.speech = anySpeech(random);
    this.places = places;
    this.random = random;
    this.isCommitted = isCommitted;
  }

  async run(isThrough: () => boolean): Promise<void> {
    const { simulation, link, random, places } = this;
    for (const place of places) {
      place.high = place.stable = place.start = -1;
      await this.validate(place);
    }
    while (!link.isBroken && (simulation.isRunning || !isThrough())) {
      await this.fetchOnce();
      if (random.nextInt(4) === 0) await simulation.pause(random.nextInt(80));
      if (random.nextInt(100) === 0) return;
    }
  }

  /** Where the epoch that it read under ended. */
  private async validate(place: Place): Promise<void> {
    const { simulation, link } = this;
    const { model } = place;
    if (place.epoch < 0) return;
    for (;;) {
      const answer = await link.ask(offsetForLeaderEpoch, 4, {
        replicaId: -1,
        topics: [
          { name: model.topic.name, partitions: [{ partitionIndex: model.partition, leaderEpoch: place.epoch }] },
        ],
      });
      const part = answer.topics[0]?.partitions[0];
      demand(part !== undefined, 'an epoch that is asked for is answered');
      if (part.errorCode === 0) return await this.goBack(place, part.endOffset);
      demand(
        mayComeAgain(simulation, part.errorCode),
        `${model.folder}: the end of an epoch is answered with ${part.errorCode}`,
      );
      await simulation.pause(40);
    }
  }

  private async goBack(place: Place, endOfEpoch: number): Promise<void> {
    const { model, position } = place;
    const cutAt = model.truncatedSince(place.life, position);
    // Of epochs before the start of the log it is known no more than that they ended there, or further back.
    const startOffset =
      cutAt === null || endOfEpoch <= cutAt ? -1 : await beginningOf(this.simulation, this.link, model);
    if (cutAt !== null)
      demand(
        endOfEpoch <= cutAt || startOffset === null || endOfEpoch <= startOffset,
        `${model.folder}: a reader at ${position} of epoch ${place.epoch} is told ${endOfEpoch}, but the log was cut at ${cutAt}`,
      );
    else
      demand(
        endOfEpoch >= Math.min(position, model.endOffset) || model.isCompacted,
        `${model.folder}: a reader at ${position} of epoch ${place.epoch} is sent back to ${endOfEpoch} for no reason`,
      );
    place.life = this.simulation.history.life;
    if (endOfEpoch < position) place.position = endOfEpoch;
  }

  private async fetchOnce(): Promise<void> {
    const { simulation, link, random, places } = this;
    const isFull = this.sessionId === 0;
    const wanted = isFull ? places : places.filter(({ position, toldPosition }) => position !== toldPosition);
    const maxWaitMs = anyOf(random, [0, 20, 200]);
    for (const place of places) {
      place.deletedOffset = place.model.start.deletedOffset;
      place.endOffset = place.model.endOffset;
    }
    const answer = await link.ask(fetch, this.speech.fetchVersion, {
      maxWaitMs,
      minBytes: anyOf(random, [1, 1, 500]),
      isolationLevel: this.isCommitted ? 1 : 0,
      sessionId: this.sessionId,
      sessionEpoch: this.sessionEpoch,
      topics:
        wanted.length === 0
          ? []
          : [{ ...spoken(this.speech, this.topic), partitions: wanted.map((place) => this.wish(place)) }],
    });
    simulation.book.count('fetches');
    if (SESSION_GONE.has(answer.errorCode)) {
      this.sessionId = 0;
      this.sessionEpoch = 0;
      return;
    }
    demand(answer.errorCode === 0, `a fetch is answered with error ${answer.errorCode}`);
    this.sessionId = answer.sessionId;
    this.sessionEpoch = this.sessionId === 0 ? 0 : this.sessionEpoch + 1;
    for (const { partitions, ...topic } of answer.topics) {
      demand(
        isAbout(this.speech, this.topic, topic),
        `${this.topic.name} was asked for, and another topic is answered`,
      );
      await this.takeAll(partitions);
    }
  }

  /** What was given is taken before anything is waited for: by then its broker may be gone, and another be held to it. */
  private async takeAll(parts: readonly FetchedPart[]): Promise<void> {
    const waits: (() => Promise<void>)[] = [];
    for (const part of parts) {
      const place = this.places.find(({ model }) => model.partition === part.partitionIndex);
      demand(place !== undefined, 'only what was asked for is answered');
      const wait = this.take(place, part);
      if (wait !== null) waits.push(wait);
    }
    for (const wait of waits) await wait();
  }

  private wish(place: Place) {
    const { model, position } = place;
    place.toldPosition = position;
    return {
      partitionIndex: model.partition,
      fetchOffset: position,
      partitionMaxBytes: anyOf(this.random, [1, 700, 1 << 16]),
    };
  }

  /** What is to be waited for before it is asked for more, or null. */
  private take(place: Place, part: FetchedPart): (() => Promise<void>) | null {
    const { simulation } = this;
    const { model } = place;
    const code = part.errorCode;
    if (code === OFFSET_OUT_OF_RANGE) return () => this.find(place);
    if (FENCED.has(code)) return () => this.validate(place);
    if (code !== 0) {
      demand(mayComeAgain(simulation, code), `${model.folder}: a fetch is answered with error ${code}`);
      return () => simulation.pause(20);
    }
    model.start.seen(part.logStartOffset, place.deletedOffset);
    this.checkMarks(place, part);
    this.follow(place, simulation.found(part.records, model.folder), part);
    return null;
  }

  /** Its place is not in the log any more. */
  private async find(place: Place): Promise<void> {
    const { simulation, link } = this;
    const { model, position, endOffset } = place;
    const startOffset = await beginningOf(simulation, link, model);
    if (startOffset === null) return await simulation.pause(20);
    const isBehindStart = position < startOffset;
    // Where it looked for the start only, no epoch tells it that the log was cut; and while it asks, the log grows over its place.
    demand(
      isBehindStart || position > endOffset,
      `${model.folder}: offset ${position} is out of range in a log from ${startOffset} to ${endOffset}`,
    );
    simulation.book.count(isBehindStart ? 'places deleted' : 'places cut off');
    place.position = isBehindStart ? startOffset : model.endOffset;
    // It has read nothing of the epoch that this offset is of.
    place.epoch = -1;
  }

  private checkMarks(place: Place, { highWatermark, lastStableOffset, logStartOffset }: FetchedPart): void {
    const { folder } = place.model;
    demand(highWatermark >= place.high, `${folder}: the high watermark went from ${place.high} to ${highWatermark}`);
    demand(
      lastStableOffset >= place.stable,
      `${folder}: the stable offset went from ${place.stable} to ${lastStableOffset}`,
    );
    demand(logStartOffset >= place.start, `${folder}: the start went from ${place.start} to ${logStartOffset}`);
    demand(lastStableOffset <= highWatermark, `${folder}: stable ${lastStableOffset} is above high ${highWatermark}`);
    place.high = highWatermark;
    place.stable = lastStableOffset;
    place.start = logStartOffset;
  }

  private follow(place: Place, batches: readonly FoundBatch[], part: FetchedPart): void {
    const { model } = place;
    const limit = this.isCommitted ? part.lastStableOffset : part.highWatermark;
    for (const batch of batches) {
      if (batch.lastOffset < place.position) continue;
      demand(
        batch.lastOffset >= place.deletedOffset,
        `${model.folder}: the batch at ${batch.baseOffset} is read, though it was deleted up to ${place.deletedOffset}`,
      );
      const follows = model.isCompacted || batch.baseOffset <= place.position;
      demand(follows, `${model.folder}: a reader at ${place.position} is given the batch at ${batch.baseOffset}`);
      demand(
        batch.lastOffset < limit,
        `${model.folder}: the batch at ${batch.baseOffset} is not to be seen before ${limit}`,
      );
      model.seen(batch);
      this.simulation.book.count('records read', batch.records.length);
      place.position = batch.lastOffset + 1;
      place.epoch = batch.leaderEpoch;
      place.life = this.simulation.history.life;
    }
  }
}
