/**
 * All lanes of a broker at once: N fronts and M workers, each a thread, every front with a lane to every worker. Fronts
 * send numbered jobs to all workers, a random number at a time; workers give each back as a receipt, or leave it where it
 * is while the ring back is full. Everybody checks every word, sleeps on his bell when there is nothing to do, and the
 * run ends when each front has every receipt in order. Run by `lanes-stress.test.ts`, or by hand:
 *
 *   node dist/test/threads/lanes-stress.main.js --fronts 3 --workers 2 --jobs 1e5 [--ring 64] [--batch 32] [--seed 1]
 *
 * Prints one line of JSON; exits with 1 when a slot was wrong, lost or repeated, or a wake-up did not come.
 */
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { assert } from '../../src/base/assert.ts';
import { createLaneMemory, frontEnd, type LaneEnd, type LaneMemory, workerEnd } from '../../src/workers/lane.ts';
import { Bells, bellBytes, NO_WAKERS, type SharedParts } from '../../src/workers/shared-parts.ts';
import type { Bell } from '../../src/zerocopy/bell.ts';
import { BELL_ASLEEP_FUTEX, SLOT_WORDS } from '../../src/zerocopy/layout.ts';
import { loadNative } from '../../src/zerocopy/native.ts';
import { Prng } from '../support/prng.ts';

interface Run {
  readonly fronts: number;
  readonly workers: number;
  /** In each lane. */
  readonly jobs: number;
  readonly ringSlots: number;
  readonly batchMax: number;
  readonly seed: number;
}

interface SideData {
  readonly run: Run;
  readonly side: 'front' | 'worker';
  readonly index: number;
  readonly shared: SharedParts;
  /** By the other side's index. */
  readonly lanes: readonly LaneMemory[];
}

interface SideReport {
  readonly side: string;
  readonly failure: string | null;
  readonly sleeps: number;
}

/** Nobody waits that long for a bell while others work. */
const SLEEP_MS_MAX = 5000;
const CHECKED_WORDS = 14;

/** What stands in a word of a slot says whose it is, so that no lane can pass for another. */
function wordOf(front: number, worker: number, job: number, word: number): number {
  return (
    (Math.imul(job + 1, 0x9e37_79b1) ^ Math.imul(front + 1, 0x85eb_ca6b) ^ Math.imul(worker + 1, 0xc2b2_ae35)) + word
  );
}

function fill(end: LaneEnd, slot: number, front: number, worker: number, job: number): void {
  const { words } = end.outgoing;
  for (let word = 0; word < CHECKED_WORDS; word++) words[slot * SLOT_WORDS + word] = wordOf(front, worker, job, word);
}

function check(end: LaneEnd, slot: number, front: number, worker: number, job: number): void {
  const { words } = end.incoming;
  for (let word = 0; word < CHECKED_WORDS; word++) {
    const isRight = words[slot * SLOT_WORDS + word] === (wordOf(front, worker, job, word) | 0);
    assert(isRight, `lane ${front}-${worker}: job ${job} is whole and in its place`);
  }
}

/** One side with all of its lanes; `turn` works on one of them and says whether it did anything. */
abstract class Side {
  sleeps = 0;
  protected readonly run: Run;
  protected readonly index: number;
  protected readonly ends: readonly LaneEnd[];
  protected readonly random: Prng;
  private readonly bell: Bell;

  constructor({ run, index, shared, lanes, side }: SideData) {
    this.run = run;
    this.index = index;
    const bells = new Bells(shared, loadNative().native, NO_WAKERS);
    const isFront = side === 'front';
    this.ends = lanes.map((lane, other) =>
      isFront ? frontEnd(lane, bells.worker(other)) : workerEnd(lane, bells.front(other)),
    );
    this.bell = isFront ? bells.front(index) : bells.worker(index);
    this.random = new Prng(run.seed + index * 2 + (isFront ? 0 : 1));
  }

  abstract get isDone(): boolean;
  protected abstract turn(other: number, end: LaneEnd): boolean;

  live(): void {
    while (!this.isDone) {
      let didWork = false;
      for (const [other, end] of this.ends.entries()) if (this.turn(other, end)) didWork = true;
      for (const end of this.ends) end.publish();
      if (!didWork) this.sleep();
    }
  }

  /** True when something can be done that nobody rings for. */
  protected get isWaitingForRoom(): boolean {
    return false;
  }

  private sleep(): void {
    this.bell.prepareSleep(BELL_ASLEEP_FUTEX);
    if (this.ends.every(({ incoming }) => incoming.isEmpty)) {
      this.sleeps += 1;
      const begunMs = performance.now();
      this.bell.waitFutex(this.isWaitingForRoom ? 1 : SLEEP_MS_MAX);
      assert(performance.now() - begunMs < SLEEP_MS_MAX, 'a sleeper is woken');
    }
    this.bell.cancelSleep();
  }
}

class FrontSide extends Side {
  private readonly sent = this.ends.map(() => 0);
  private readonly back = this.ends.map(() => 0);

  get isDone(): boolean {
    return this.back.every((count) => count === this.run.jobs);
  }

  protected override get isWaitingForRoom(): boolean {
    return this.sent.some((count) => count < this.run.jobs);
  }

  protected turn(worker: number, end: LaneEnd): boolean {
    const { jobs, batchMax } = this.run;
    let didWork = false;
    for (let slot = end.incoming.peek(); slot >= 0; slot = end.incoming.peek()) {
      check(end, slot, this.index, worker, this.back[worker]!);
      this.back[worker]! += 1;
      end.incoming.advance();
      didWork = true;
    }
    for (let left = this.random.nextInt(batchMax + 1); left > 0 && this.sent[worker]! < jobs; left--) {
      const slot = end.outgoing.claim();
      if (slot < 0) break;
      fill(end, slot, this.index, worker, this.sent[worker]!);
      this.sent[worker]! += 1;
      didWork = true;
    }
    return didWork;
  }
}

class WorkerSide extends Side {
  private readonly done = this.ends.map(() => 0);

  get isDone(): boolean {
    return this.done.every((count) => count === this.run.jobs);
  }

  protected override get isWaitingForRoom(): boolean {
    return this.ends.some(({ incoming }) => incoming.peek() >= 0);
  }

  protected turn(front: number, end: LaneEnd): boolean {
    let didWork = false;
    for (let left = 1 + this.random.nextInt(this.run.batchMax); left > 0; left--) {
      const slot = end.incoming.peek();
      const back = slot < 0 ? -1 : end.outgoing.claim();
      if (back < 0) break;
      check(end, slot, front, this.index, this.done[front]!);
      fill(end, back, front, this.index, this.done[front]!);
      this.done[front]! += 1;
      end.incoming.advance();
      didWork = true;
    }
    return didWork;
  }
}

function runSide(data: SideData): void {
  const side = data.side === 'front' ? new FrontSide(data) : new WorkerSide(data);
  let failure: string | null = null;
  try {
    side.live();
  } catch (error) {
    failure = String(error);
  }
  parentPort?.postMessage({ side: `${data.side}-${data.index}`, failure, sleeps: side.sleeps } satisfies SideReport);
}

function start(data: SideData): Promise<SideReport> {
  const thread = new Worker(new URL(import.meta.url), { workerData: data });
  return new Promise((resolve, reject) => {
    thread.on('message', resolve);
    thread.on('error', reject);
  });
}

async function main(): Promise<void> {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      fronts: text('3'),
      workers: text('2'),
      jobs: text('1e5'),
      ring: text('64'),
      batch: text('32'),
      seed: text('1'),
    },
  });
  const run: Run = {
    fronts: Number(values.fronts),
    workers: Number(values.workers),
    jobs: Number(values.jobs),
    ringSlots: Number(values.ring),
    batchMax: Number(values.batch),
    seed: Number(values.seed),
  };
  const { fronts, workers } = run;
  const shared: SharedParts = {
    fronts,
    workers,
    workersInFronts: 0,
    aides: 0,
    bells: new SharedArrayBuffer(bellBytes(fronts, workers, 0)),
    board: new SharedArrayBuffer(0),
    slabs: [],
    frontEvents: Array.from({ length: fronts }, () => -1),
    usesNative: false,
    tallies: null,
  };
  const lanes = Array.from({ length: fronts }, () =>
    Array.from({ length: workers }, () => createLaneMemory(run.ringSlots)),
  );
  const sides = [
    ...lanes.map((own, index) => start({ run, side: 'front', index, shared, lanes: own })),
    ...Array.from({ length: workers }, (_, index) =>
      start({ run, side: 'worker', index, shared, lanes: lanes.map((own) => own[index]!) }),
    ),
  ];
  // A side that failed leaves others waiting for ever: the first failure ends the run.
  const failed = Promise.race(
    sides.map((side) => side.then((report) => (report.failure === null ? new Promise<never>(() => {}) : [report]))),
  );
  const reports = await Promise.race([Promise.all(sides), failed]);
  const failures = reports.flatMap(({ side, failure }) => (failure === null ? [] : [`${side}: ${failure}`]));
  const sleeps = reports.reduce((sum, report) => sum + report.sleeps, 0);
  process.stdout.write(`${JSON.stringify({ ...run, lanes: fronts * workers, sleeps, failures })}\n`);
  process.exit(failures.length === 0 ? 0 : 1);
}

if (isMainThread) await main();
else runSide(workerData);
