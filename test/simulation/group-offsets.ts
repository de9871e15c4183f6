/**
 * The offsets of one group as the world outside knows them: what was acknowledged, or shown, never goes back by itself, and
 * what was never asked for never shows. Whoever commits takes a number larger than all before it, so that a commit of
 * somebody whose time was over is recognised.
 */
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { mayComeAgain, untilFound } from './client-manners.ts';
import type { SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import type { TopicModel } from './topic-models.ts';
import { demand } from './violation.ts';

const OFFSETS_FOLDERS = ['__consumer_offsets-0', '__consumer_offsets-1'];

/** A transaction that holds an offset is not over. */
const UNSTABLE = 88;

/** A member of a group that is not heard of for longer is put out. */
export const SESSION_MS = 400;

/** When something was written, and in which life. */
export interface Writing {
  readonly ms: number;
  readonly life: number;
}

interface Committed {
  readonly partition: number;
  /** Known to be written, when, and in which life. */
  known: number;
  knownMs: number;
  life: number;
  /** It is part of a transaction that ended later; a power cut in between may have taken it. */
  taken: Writing | null;
  /** The largest that was ever asked for. */
  tried: number;
  /** Of transactions that were aborted, and when. */
  readonly refused: Map<number, Writing>;
}

export class GroupOffsets {
  readonly group: string;
  readonly topic: TopicModel;
  private readonly simulation: Simulation;
  private readonly committed: readonly Committed[];
  /** Whose loss may take offsets along. */
  private readonly folders: readonly string[];

  constructor(simulation: Simulation, group: string, topic: TopicModel, foldersOfTransactions: readonly string[] = []) {
    this.folders = [...OFFSETS_FOLDERS, ...foldersOfTransactions];
    this.simulation = simulation;
    this.group = group;
    this.topic = topic;
    this.committed = topic.partitions.map(({ partition }) => ({
      partition,
      known: -1,
      knownMs: 0,
      life: 0,
      taken: null,
      tried: -1,
      refused: new Map(),
    }));
  }

  /** One that is larger than all before it. */
  next(partition: number, step: number): number {
    const one = this.of(partition);
    one.tried += step;
    return one.tried;
  }

  /** The broker said so; others may have heard of later ones already. */
  acknowledged(partition: number, offset: number, taken: Writing | null = null): void {
    const one = this.of(partition);
    if (offset <= one.known) return;
    this.know(one, offset);
    one.taken = taken;
  }

  /** It was part of a transaction that is aborted, and shows to nobody. */
  refused(partition: number, offset: number): void {
    const { trueMs, history } = this.simulation;
    this.of(partition).refused.set(offset, { ms: trueMs, life: history.life });
  }

  /** Asks for some of them, as whoever takes over their partitions does. */
  async check(link: SimulatedLink, partitionIndexes: readonly number[]): Promise<void> {
    const { simulation, group, topic } = this;
    if (partitionIndexes.length === 0) return;
    for (;;) {
      // Others may hear of what a power cut took before this is answered.
      const before = this.committed.map((one) => ({ ...one }));
      const answer = await link.ask(offsetFetch, 8, {
        groupId: '',
        topics: [],
        groups: [{ groupId: group, topics: [{ name: topic.name, partitionIndexes }] }],
        requireStable: true,
      });
      const found = answer.groups[0];
      demand(found !== undefined, 'a group that is asked for is answered');
      if (found.topics[0]?.partitions.some(({ errorCode }) => errorCode === UNSTABLE) === true) {
        await simulation.pause(20);
        continue;
      }
      if (found.errorCode === 0) {
        for (const { partitionIndex, committedOffset } of found.topics[0]?.partitions ?? [])
          this.compare(this.of(partitionIndex), committedOffset, before);
        simulation.book.count('commits checked', partitionIndexes.length);
        return;
      }
      demand(
        mayComeAgain(simulation, found.errorCode),
        `${group}: its offsets are answered with error ${found.errorCode}`,
      );
      await untilFound(simulation, link, 0, group);
    }
  }

  /** Whether power cuts may have taken what the coordinator wrote down at that time, in that life. */
  mayBeLost(writtenMs: number, life: number): boolean {
    const { history, profile } = this.simulation;
    return this.folders.some((folder) => history.mayBeLost(folder, writtenMs, life, profile.promised));
  }

  /** `before`: what was known when it was asked for. */
  private compare(one: Committed, offset: number, before: readonly Committed[]): void {
    const { partition, tried } = one;
    const { known, knownMs, life, taken } = before.find((each) => each.partition === partition) ?? one;
    const what = `${this.group}: the offset of ${this.topic.name}-${partition}`;
    demand(this.mayShow(one, offset), () => `${what} is ${offset}, which was part of an aborted transaction`);
    demand(offset <= tried, () => `${what} is ${offset}, and no more than ${tried} was committed`);
    if (offset >= known) {
      if (offset > one.known) this.know(one, offset);
      return;
    }
    const mayBeLost = this.mayBeLost(knownMs, life) || (taken !== null && this.mayBeLost(taken.ms, taken.life));
    demand(mayBeLost, () => `${what} went back from ${known} to ${offset}`);
    if (one.known === known) this.know(one, offset);
  }

  /** Where a power cut took the end of a transaction, what is left of it may be ended by the next one of its producer. */
  private mayShow({ refused }: Committed, offset: number): boolean {
    const aborted = refused.get(offset);
    if (aborted === undefined) return true;
    if (!this.mayBeLost(aborted.ms, aborted.life)) return false;
    this.simulation.book.count('offsets of aborted transactions that a power cut gave to another');
    return true;
  }

  private know(one: Committed, offset: number): void {
    one.known = offset;
    one.knownMs = this.simulation.trueMs;
    one.life = this.simulation.history.life;
    one.taken = null;
  }

  private of(partition: number): Committed {
    const one = this.committed.find((each) => each.partition === partition);
    demand(one !== undefined, 'only what was asked for is answered');
    return one;
  }
}
