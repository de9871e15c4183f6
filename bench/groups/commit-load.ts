/**
 * Many groups of a few members that commit at a fixed rate in all, each commit meant for its moment (so that a stall is seen
 * by every commit it held up), with heartbeats as clients send them.
 */
import { build, type Histogram } from 'hdr-histogram-js';
import type { MemberPlan } from './member.ts';
import { Member } from './member.ts';

export interface CommitPlan extends Omit<MemberPlan, 'groupId'> {
  readonly groups: number;
  readonly membersPerGroup: number;
  readonly commitsPerSecond: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  readonly heartbeatMs: number;
}

export interface CommitResult {
  readonly seconds: number;
  readonly commits: number;
  readonly errors: number;
  readonly firstError: number;
  readonly evictions: number;
  /** Microseconds from the moment a commit was meant to leave. */
  readonly histogram: Histogram;
}

const HIGHEST_US = 60_000_000;
const CONNECTS_AT_ONCE = 64;
const TICK_MS = 1;

export async function connectGroups(plan: CommitPlan): Promise<readonly Member[]> {
  const members: Member[] = [];
  const groups = Array.from({ length: plan.groups }, (_, index) => `bench-group-${index}`);
  const work = groups.values();
  const connectSome = async (): Promise<void> => {
    for (const groupId of work) {
      const some = await Promise.all(
        Array.from({ length: plan.membersPerGroup }, () => Member.connect({ ...plan, groupId })),
      );
      await Promise.all(some.map((member) => settleWithBeats(member)));
      members.push(...some);
    }
  };
  await Promise.all(Array.from({ length: CONNECTS_AT_ONCE / plan.membersPerGroup }, connectSome));
  return members;
}

/** Members that are in already have to learn that others came, as clients do by their heartbeats. */
async function settleWithBeats(member: Member): Promise<void> {
  await member.settle();
  for (let quiet = 0; quiet < 3; quiet++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if ((await member.beat()) === 0) continue;
    await member.settle();
    quiet = 0;
  }
}

export class CommitLoad {
  private readonly plan: CommitPlan;
  private readonly members: readonly Member[];
  private readonly histogram = build({ bitBucketSize: 64, highestTrackableValue: HIGHEST_US });
  private commits = 0;
  private errors = 0;
  private firstError = 0;
  private inFlight = 0;
  private slice = 0;
  private readonly beating = new Set<Promise<number>>();

  constructor(plan: CommitPlan, members: readonly Member[]) {
    this.plan = plan;
    this.members = members;
  }

  async run(): Promise<CommitResult> {
    const { plan } = this;
    const beats = setInterval(() => this.beatSome(), Math.max(1, plan.heartbeatMs / BEAT_SLICES));
    const beginMs = performance.now();
    const measureMs = beginMs + plan.warmSeconds * 1000;
    const endMs = measureMs + plan.seconds * 1000;
    let sent = 0;
    for (let nowMs = beginMs; nowMs < endMs; nowMs = performance.now()) {
      const dueCount = Math.floor(((nowMs - beginMs) * plan.commitsPerSecond) / 1000);
      for (; sent < dueCount; sent++) {
        const dueMs = beginMs + (sent * 1000) / plan.commitsPerSecond;
        void this.commitOne(sent, dueMs, dueMs >= measureMs);
      }
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    clearInterval(beats);
    await Promise.all(this.beating);
    while (this.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    const { commits, errors, firstError, histogram } = this;
    const evictions = this.members.reduce((sum, member) => sum + member.evictions, 0);
    return { seconds: plan.seconds, commits, errors, firstError, evictions, histogram };
  }

  private async commitOne(index: number, dueMs: number, isMeasured: boolean): Promise<void> {
    const member = this.members[index % this.members.length];
    if (member === undefined) return;
    this.inFlight += 1;
    const code = await member.commit(index % PARTITIONS, index);
    this.inFlight -= 1;
    if (code !== 0) {
      this.errors += 1;
      if (this.firstError === 0) this.firstError = code;
    }
    if (!isMeasured) return;
    this.commits += 1;
    this.histogram.recordValue(Math.max(1, Math.round((performance.now() - dueMs) * 1000)));
  }

  /** All members beat once in `heartbeatMs`, spread evenly over it. */
  private beatSome(): void {
    this.slice = (this.slice + 1) % BEAT_SLICES;
    for (let index = this.slice; index < this.members.length; index += BEAT_SLICES) {
      const beating = this.members[index]?.beat();
      if (beating === undefined) continue;
      this.beating.add(beating);
      void beating.finally(() => this.beating.delete(beating));
    }
  }
}

const PARTITIONS = 16;
const BEAT_SLICES = 100;
