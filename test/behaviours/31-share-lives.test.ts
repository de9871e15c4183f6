/**
 * Share groups through random lives of a whole broker from one seed: members fetch, settle, hang up; the clock runs; the
 * broker stops and is killed. What was accepted or rejected, and answered, never comes again; everything else does; and in the end
 * nothing is left over.
 */
import { expect, test } from 'vitest';
import { findGroup } from '../support/group-deeds.ts';
import { Prng } from '../support/prng.ts';
import {
  ACCEPT,
  beatShare,
  gotOf,
  joinShare,
  REJECT,
  RELEASE,
  type Settled,
  ShareMember,
} from '../support/share-deeds.ts';
import { batchOf, createTopic, produceTo, type Topic } from '../support/simulated-deeds.ts';
import { type BehaviourRig, restart, startRig } from './behaviour-rig.ts';

const SEED = Number(process.env['PERFBROKER_SEED'] ?? 932);
const LIVES = 4;
const STEPS = 60;
const SETS = ['share.coordinator.snapshot.update.records.per.snapshot=3', 'group.share.max.delivery.count.limit=25'];
const NEVER_GIVES_UP = 'group.share.delivery.count.limit=25';

interface Held {
  readonly member: ShareMember;
  readonly offsets: Set<number>;
}

class Life {
  private readonly random: Prng;
  private rig: BehaviourRig;
  private readonly topic: Topic;
  private holders: Held[] = [];
  private memberCount = 0;
  private logEnd = 0;
  /** Settled for good, and told so. */
  private readonly done = new Set<number>();
  /** Settled for good, but the answer was lost: either way is right. */
  private readonly doubtful = new Set<number>();

  constructor(random: Prng, rig: BehaviourRig, topic: Topic) {
    this.random = random;
    this.rig = rig;
    this.topic = topic;
  }

  async step(): Promise<void> {
    const dice = this.random.nextInt(100);
    if (dice < 25) await this.produce();
    else if (dice < 55) await this.fetch();
    else if (dice < 80) await this.settle();
    else if (dice < 87) await this.hangUp();
    else if (dice < 94) await this.wait();
    else await this.restart(this.random.nextBoolean(0.7) ? 'kill' : 'stop');
  }

  /** Everything that is not done comes, once all locks have run out. */
  async drain(): Promise<void> {
    await this.restart('kill');
    const member = this.newMember();
    const left = new Set<number>();
    for (let quiet = 0; quiet < 3; quiet++) {
      const offsets = await this.acquire(member);
      for (const offset of offsets) left.add(offset);
      if (offsets.length > 0) quiet = 0;
      const settled = offsets.map((offset): Settled => [offset, offset, ACCEPT]);
      if (settled.length > 0) expect(await member.settle(settled)).toBe(0);
    }
    for (let offset = 0; offset < this.logEnd; offset++) {
      if (this.doubtful.has(offset)) continue;
      expect(left.has(offset), `offset ${offset} of ${this.logEnd}`).toBe(!this.done.has(offset));
    }
  }

  private async produce(): Promise<void> {
    const count = 1 + this.random.nextInt(8);
    expect((await produceTo(this.rig.broker.connect(), this.topic, batchOf({ count }))).errorCode).toBe(0);
    this.logEnd += count;
  }

  private async fetch(): Promise<void> {
    let held = this.holders[this.random.nextInt(this.holders.length + 1)];
    if (held === undefined) {
      if (this.holders.length >= 4) return;
      held = { member: this.newMember(), offsets: new Set() };
      this.holders.push(held);
    }
    for (const offset of await this.acquire(held.member)) held.offsets.add(offset);
  }

  private async acquire(member: ShareMember): Promise<number[]> {
    const exact = { shareAcquireMode: this.random.nextInt(2), maxRecords: 1 + this.random.nextInt(20) };
    member.sendFetch(exact);
    await this.rig.broker.settle();
    const offsets: number[] = [];
    for (const { error, acquired, offsets: sent } of gotOf(member.receive())) {
      expect(error).toBe(0);
      for (const [first, last, count] of acquired) {
        for (let offset = first; offset <= last; offset++) {
          expect(this.done.has(offset), `offset ${offset} comes after it was settled`).toBe(false);
          for (const { offsets: others } of this.holders) others.delete(offset);
          expect(sent, 'what is acquired travels').toContain(offset);
          expect(count).toBeGreaterThanOrEqual(1);
          offsets.push(offset);
        }
      }
    }
    return offsets;
  }

  private async settle(): Promise<void> {
    const held = this.holders[this.random.nextInt(Math.max(1, this.holders.length))];
    if (held === undefined) return;
    const offsets = [...held.offsets].filter(() => this.random.nextBoolean(0.6)).sort((a, b) => a - b);
    if (offsets.length === 0) return;
    const type = [ACCEPT, ACCEPT, REJECT, RELEASE][this.random.nextInt(4)]!;
    const code = await held.member.settle(offsets.map((offset): Settled => [offset, offset, type]));
    // Locks may have run out: then all of it is refused, and comes again.
    expect([0, 121]).toContain(code);
    for (const offset of offsets) {
      held.offsets.delete(offset);
      if (code === 0 && type !== RELEASE) this.done.add(offset);
    }
  }

  private async hangUp(): Promise<void> {
    const [held] = this.holders.splice(this.random.nextInt(Math.max(1, this.holders.length)), 1);
    held?.member.client.socket.reset();
    await this.rig.broker.settle();
  }

  private async wait(): Promise<void> {
    await this.rig.broker.pass(this.random.nextInt(20_000), 2000);
    if (this.random.nextBoolean(0.3)) await beatShare(this.rig.client, 'g', 'keeper', 0, [this.topic.name]);
  }

  private async restart(how: 'stop' | 'kill'): Promise<void> {
    if (how === 'kill') await this.loseAnAnswer();
    this.holders = [];
    this.rig = await restart(this.rig, how, { sets: [...SETS, NEVER_GIVES_UP] });
    await findGroup(this.rig.client, 'g');
  }

  /** The broker dies somewhere in the middle of an acknowledgement. */
  private async loseAnAnswer(): Promise<void> {
    const held = this.holders.find(({ offsets }) => offsets.size > 0);
    if (held === undefined) return;
    const [offset] = held.offsets;
    held.member.sendFetch({ settled: [[offset!, offset!, ACCEPT]] });
    for (let steps = this.random.nextInt(12); steps > 0; steps--) {
      this.rig.broker.step();
      await this.rig.broker.breathe();
    }
    this.doubtful.add(offset!);
  }

  private newMember(): ShareMember {
    return new ShareMember(this.rig.broker.connect(), 'g', `member-${this.memberCount++}`, this.topic);
  }
}

test(`share groups keep their word through kills and hang-ups (seed ${SEED})`, async () => {
  for (let index = 0; index < LIVES; index++) {
    const random = new Prng(SEED + index);
    const rig = await startRig({ seed: SEED + index, sets: [...SETS, NEVER_GIVES_UP] });
    const topic = await createTopic(rig.client, 'work');
    await joinShare(rig.client, 'g', 'keeper', topic);
    const life = new Life(random, rig, topic);
    try {
      for (let step = 0; step < STEPS; step++) await life.step();
      await life.drain();
    } catch (error) {
      throw new Error(`seed ${SEED + index}`, { cause: error });
    }
  }
}, 120_000);
