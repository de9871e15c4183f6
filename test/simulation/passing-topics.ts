/**
 * Topics that come and go under a few names. What is made anew under a name is another topic: it has an id of its own, and
 * nothing of what was written to the one before. Who made and deleted them knows what holds; others learn of them here.
 */
import type { ResponseOf } from '../../src/protocol/api.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import type { PartitionModel } from './partition-model.ts';
import type { SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import type { TopicModel } from './topic-models.ts';
import { demand } from './violation.ts';

export const UNKNOWN_TOPIC = 3;
export const UNKNOWN_TOPIC_ID = 100;
export const RETENTION = 'retention.ms';
/** None of them keeps its records for less: longer than clocks are wrong. */
export const RETENTION_MIN_MS = 10_000_000_000;
const NOT_IN_DOUBT = -1;
/** What is under way to a topic when it goes may find its partition gone as well. */
const OF_LEAVING = new Set([UNKNOWN_TOPIC, 6, UNKNOWN_TOPIC_ID]);

export type DescribedTopic = ResponseOf<typeof metadata>['topics'][number];

/** What holds, and what may hold as well because nobody heard how it ended. */
export interface Possible<T> {
  readonly known: T;
  readonly perhaps: T;
}

export const surely = <T>(value: T): Possible<T> => ({ known: value, perhaps: value });
export const fits = <T>({ known, perhaps }: Possible<T>, value: T): boolean => value === known || value === perhaps;

/** One of the topics that have or had a name. */
export interface PassedTopic extends TopicModel {
  readonly partitions: PartitionModel[];
  /** Whoever made it was told so, or it outlived a broker; until then it may be taken back, with no record in it. */
  isMade: boolean;
  /** Somebody wants it to be deleted. */
  isLeaving: boolean;
  /** It is deleted, for good. */
  isGone: boolean;
}

export class PassingTopic {
  readonly name: string;
  exists = surely(false);
  partitions = surely(0);
  retention = surely('');
  /** A change of this life failed, or was not answered: what became of it shows in the next. */
  doubtfulLife = NOT_IN_DOUBT;
  /** That has the name now, as far as anybody knows. */
  current: PassedTopic | null = null;
  /** That had it. */
  readonly past: PassedTopic[] = [];
  /** Tries to make one. */
  creationCount = 0;
  private readonly simulation: Simulation;

  constructor(simulation: Simulation, name: string) {
    this.simulation = simulation;
    this.name = name;
  }

  get isInDoubt(): boolean {
    return this.doubtfulLife === this.simulation.history.life;
  }

  doubt(): void {
    this.doubtfulLife = this.simulation.history.life;
  }

  settle(found: Partial<Pick<PassingTopic, 'exists' | 'partitions' | 'retention'>>): void {
    Object.assign(this, found);
    this.doubtfulLife = NOT_IN_DOUBT;
  }

  /** The broker speaks of it under this id. */
  meet(id: string): PassedTopic {
    const { name, current, past } = this;
    if (current?.id === id) return current;
    const earlier = past.find((each) => each.id === id);
    if (earlier !== undefined) return earlier;
    const isMade = past.length + (current === null ? 0 : 1) < this.creationCount;
    demand(isMade, () => `${name} has the id ${id}, and nobody made it anew`);
    demand(current?.isLeaving !== false, () => `${name} has another id, and nobody deleted what had the name`);
    this.end();
    this.current = { name, id, partitions: [], isMade: false, isLeaving: false, isGone: false };
    if (this.past.length > 0) this.simulation.book.count('topics made anew');
    return this.current;
  }

  end(): void {
    const { current } = this;
    if (current === null) return;
    const known = current.isMade ? 0 : current.partitions.reduce((sum, { endOffset }) => sum + endOffset, 0);
    demand(known === 0, () => `${known} records of ${current.name} are gone with a topic that was never made`);
    current.isLeaving = true;
    current.isGone = true;
    this.past.push(current);
    this.current = null;
  }

  /** `verifiedLife`: in which it is known what new partitions hold. */
  grow(topic: PassedTopic, count: number, verifiedLife: number): void {
    for (let partition = topic.partitions.length; partition < count; partition++) {
      const model = this.simulation.topics.modelOf(topic, partition, {});
      model.verifiedLife = verifiedLife;
      topic.partitions.push(model);
    }
  }

  /** What the broker says of it while nobody changes it; what was in doubt in an earlier life is known then. */
  learn(described: DescribedTopic | undefined, verifiedLife: number): void {
    const { name } = this;
    const exists = described !== undefined && described.errorCode !== UNKNOWN_TOPIC;
    demand(fits(this.exists, exists), `${name} ${exists ? 'is there' : 'is not there'}, against what was acknowledged`);
    if (!exists) {
      if (!this.isInDoubt) {
        this.exists = surely(false);
        this.end();
      }
      return;
    }
    const topic = this.meet(described.topicId);
    demand(!topic.isGone, () => `${name} is deleted, and is there under its id ${topic.id}`);
    const count = described.partitions.length;
    demand(
      fits(this.partitions, count) && count >= topic.partitions.length,
      `${name} has ${count} partitions, ${this.partitions.known} are acknowledged and ${topic.partitions.length} were seen`,
    );
    this.grow(topic, servedCount(described), verifiedLife);
    if (this.isInDoubt) return;
    this.exists = surely(true);
    this.partitions = surely(count);
    topic.isMade = true;
    topic.isLeaving = false;
  }
}

/** What is still being made has no leader. */
function servedCount({ partitions }: DescribedTopic): number {
  return partitions.filter(({ leaderId }) => leaderId >= 0).length;
}

/** Null: there is none of that name, or it is being made. */
export async function lookUp(
  simulation: Simulation,
  link: SimulatedLink,
  passing: PassingTopic,
): Promise<PassedTopic | null> {
  const { name, current } = passing;
  const pastCount = passing.past.length;
  const answer = await link.ask(metadata, 12, { topics: [{ name }], allowAutoTopicCreation: false });
  const described = answer.topics[0];
  demand(described?.name === name, `${name} was asked for, and is not described`);
  if (described.errorCode === UNKNOWN_TOPIC) {
    demand(current?.isMade !== true || current.isLeaving, `${name} is there, and is said not to be`);
    return null;
  }
  demand(described.errorCode === 0, `${name} is described with error ${described.errorCode}`);
  const topic = passing.meet(described.topicId);
  const place = passing.past.indexOf(topic);
  demand(place < 0 || place >= pastCount, `${name} is described under the id of a topic that was deleted before`);
  passing.grow(topic, servedCount(described), simulation.history.life);
  return topic.partitions.length > 0 ? topic : null;
}

/** By the id that a client knows. */
export async function lookUpById(simulation: Simulation, link: SimulatedLink, topic: PassedTopic): Promise<void> {
  const { isGone, id: topicId } = topic;
  const answer = await link.ask(metadata, 12, { topics: [{ name: null, topicId }], allowAutoTopicCreation: false });
  const { errorCode: code = -1, name = null, topicId: id = '' } = answer.topics[0] ?? {};
  simulation.book.count('topics looked up by id');
  demand(id === topicId, `${topic.name} was asked for by its id, and another topic is described`);
  if (code === 0) demand(name === topic.name && !isGone, `${topic.name} is deleted, and its id describes ${name}`);
  else
    demand(
      code === UNKNOWN_TOPIC_ID && (topic.isLeaving || !topic.isMade),
      `the id of ${topic.name} is described with error ${code}`,
    );
}

/** A topic as it was known when somebody asked for it. */
export interface AskedTopic {
  readonly topic: PassedTopic;
  readonly wasGone: boolean;
}

export function asAsked(topic: PassedTopic): AskedTopic {
  return { topic, wasGone: topic.isGone };
}

/** Whoever spoke of a topic by its id is told that there is none. */
export function tellsOfNone(simulation: Simulation, { topic, wasGone }: AskedTopic, code: number): boolean {
  if (wasGone) {
    demand(code === UNKNOWN_TOPIC_ID, () => `${topic.name} was deleted, and its id is answered with error ${code}`);
    simulation.book.count('answers to ids of deleted topics');
    return true;
  }
  if (!topic.isLeaving || !OF_LEAVING.has(code)) return false;
  simulation.book.count(`answers while a topic goes: ${code}`);
  return true;
}
