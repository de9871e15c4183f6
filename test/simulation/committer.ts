/** Commits offsets for a group and asks for them: what was acknowledged, or shown, never goes back by itself. */
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import type { Prng } from '../support/prng.ts';
import { COME_AGAIN, manners, untilFound } from './client-manners.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { demand } from './violation.ts';

const OFFSETS_TOPIC = '__consumer_offsets';

interface Committed {
  readonly partition: number;
  /** Known to be written, when, and in which life. */
  known: number;
  knownMs: number;
  life: number;
  /** The largest that was ever asked for. */
  tried: number;
}

export async function committer(simulation: Simulation, name: string, random: Prng): Promise<void> {
  const topic = simulation.topics.named('orders');
  const committed = topic.partitions.map(({ partition }) => ({ partition, known: -1, knownMs: 0, life: 0, tried: -1 }));
  while (simulation.isRunning) {
    const link = await simulation.connect(manners(random));
    const desk = new Desk(simulation, link, name, topic.name, committed);
    try {
      await link.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: [name] });
      await desk.check();
      while (simulation.isRunning && !link.isBroken) {
        if (random.nextInt(4) === 0) await desk.check();
        else await desk.commit(random);
        await simulation.pause(random.nextInt(80));
      }
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}

class Desk {
  private readonly simulation: Simulation;
  private readonly link: SimulatedLink;
  private readonly group: string;
  private readonly topic: string;
  private readonly committed: readonly Committed[];

  constructor(
    simulation: Simulation,
    link: SimulatedLink,
    group: string,
    topic: string,
    committed: readonly Committed[],
  ) {
    this.simulation = simulation;
    this.link = link;
    this.group = group;
    this.topic = topic;
    this.committed = committed;
  }

  async commit(random: Prng): Promise<void> {
    const { simulation, link, group } = this;
    for (const one of this.committed) one.tried += 1 + random.nextInt(3);
    const answer = await link.ask(offsetCommit, 8, {
      groupId: group,
      memberId: '',
      topics: [
        {
          name: this.topic,
          partitions: this.committed.map(({ partition, tried }) => ({
            partitionIndex: partition,
            committedOffset: tried,
            committedMetadata: '',
          })),
        },
      ],
    });
    for (const { partitionIndex, errorCode } of answer.topics[0]?.partitions ?? []) {
      const one = this.of(partitionIndex);
      if (errorCode === 0) this.know(one, one.tried);
      else demand(COME_AGAIN.has(errorCode), `${group}: a commit is answered with error ${errorCode}`);
      simulation.book.count(errorCode === 0 ? 'commits acknowledged' : `commit error ${errorCode}`);
    }
  }

  async check(): Promise<void> {
    const { simulation, link, group, topic } = this;
    for (;;) {
      const answer = await link.ask(offsetFetch, 8, {
        groupId: '',
        topics: [],
        groups: [
          {
            groupId: group,
            topics: [{ name: topic, partitionIndexes: this.committed.map(({ partition }) => partition) }],
          },
        ],
        requireStable: true,
      });
      const found = answer.groups[0];
      demand(found !== undefined, 'a group that is asked for is answered');
      if (found.errorCode === 0) {
        for (const { partitionIndex, committedOffset } of found.topics[0]?.partitions ?? [])
          this.compare(this.of(partitionIndex), committedOffset);
        simulation.book.count('commits checked', this.committed.length);
        return;
      }
      demand(COME_AGAIN.has(found.errorCode), `${group}: its offsets are answered with error ${found.errorCode}`);
      await untilFound(simulation, link, 0, group);
    }
  }

  private compare(one: Committed, offset: number): void {
    const { simulation, group } = this;
    const { partition, known, knownMs, life, tried } = one;
    const what = `${group}: the offset of ${this.topic}-${partition}`;
    demand(offset <= tried, () => `${what} is ${offset}, and no more than ${tried} was committed`);
    if (offset < known) {
      const isExcused = simulation.history.mayBeLost(OFFSETS_TOPIC, knownMs, life, simulation.profile.promised);
      demand(isExcused, () => `${what} went back from ${known} to ${offset}`);
    }
    this.know(one, offset);
  }

  private know(one: Committed, offset: number): void {
    if (offset === one.known) return;
    one.known = offset;
    one.knownMs = this.simulation.trueMs;
    one.life = this.simulation.history.life;
  }

  private of(partition: number): Committed {
    const one = this.committed.find((each) => each.partition === partition);
    demand(one !== undefined, 'only what was asked for is answered');
    return one;
  }
}
