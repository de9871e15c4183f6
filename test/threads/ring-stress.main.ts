/**
 * Two threads and one ring: a producer that numbers its slots and a consumer that checks every word of them, with batches
 * and pauses of random length. Run by `ring-stress.test.ts`, or by hand for as long as one likes:
 *
 *   node dist/test/threads/ring-stress.main.js --slots 1e9 [--ring 4096] [--batch 256] [--seed 1]
 *
 * Prints one line of JSON per run and exits with 1 when a slot was wrong, lost, or a wake-up did not come. Counters start
 * shortly before the end of int32, so that every run passes the wrap-around.
 */
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { assert } from '../../src/base/assert.ts';
import { RING_HEAD_WORD, RING_TAIL_WORD, SLOT_WORDS } from '../../src/zerocopy/layout.ts';
import { Ring } from '../../src/zerocopy/ring.ts';
import { Prng } from '../support/prng.ts';

interface Run {
  readonly slots: number;
  readonly ringSlots: number;
  readonly batchMax: number;
  readonly seed: number;
}

interface SideData extends Run {
  readonly side: 'producer' | 'consumer';
  readonly ring: SharedArrayBuffer;
  readonly bells: SharedArrayBuffer;
}

interface SideReport {
  readonly side: 'producer' | 'consumer';
  readonly failure: string | null;
  readonly sleeps: number;
}

const START_COUNTER = 0x7fff_ff00;
const CONSUMER_BELL = 0;
const PRODUCER_BELL = 16;
const BELL_BYTES = 128;
const AWAKE = 0;
const ASLEEP = 1;
const LOOKS_BEFORE_SLEEP = 100;
const SLEEP_MS_MAX = 2_000;

/** What a role does before it sleeps: says so, looks once more, waits until somebody takes the mark away. */
class Sleeper {
  sleeps = 0;
  private readonly bells: Int32Array;
  private readonly own: number;
  private readonly other: number;

  constructor(bells: SharedArrayBuffer, own: number, other: number) {
    this.bells = new Int32Array(bells);
    this.own = own;
    this.other = other;
  }

  /** False when there was work after all this time and nobody rang. */
  sleepUnless(hasWork: () => boolean): boolean {
    Atomics.store(this.bells, this.own, ASLEEP);
    while (!hasWork()) {
      this.sleeps += 1;
      if (Atomics.wait(this.bells, this.own, ASLEEP, SLEEP_MS_MAX) !== 'timed-out') break;
      if (!hasWork()) continue;
      // The other side may just be between its publication and its ring.
      if (Atomics.wait(this.bells, this.own, ASLEEP, SLEEP_MS_MAX) === 'timed-out') return false;
    }
    Atomics.store(this.bells, this.own, AWAKE);
    return true;
  }

  ringOther(): void {
    if (Atomics.load(this.bells, this.other) === AWAKE) return;
    Atomics.store(this.bells, this.other, AWAKE);
    Atomics.notify(this.bells, this.other);
  }
}

function produce(data: SideData): SideReport {
  const ring = new Ring(data.ring);
  const random = new Prng(data.seed);
  const sleeper = new Sleeper(data.bells, PRODUCER_BELL, CONSUMER_BELL);
  const { words, numbers } = ring;
  let sent = 0;
  let looks = 0;
  while (sent < data.slots) {
    const batch = Math.min(1 + random.nextInt(data.batchMax), data.slots - sent);
    let filled = 0;
    for (; filled < batch; filled++) {
      const slot = ring.claim();
      if (slot < 0) break;
      const word = slot * SLOT_WORDS;
      words[word] = sent | 0;
      words[word + 1] = ~sent;
      words[word + 7] = Math.imul(sent, 0x9e3779b1);
      numbers[(word >> 1) + 4] = sent;
      numbers[(word >> 1) + 7] = -sent;
      sent += 1;
    }
    if (ring.publish()) sleeper.ringOther();
    looks = filled === 0 ? looks + 1 : 0;
    if (looks > LOOKS_BEFORE_SLEEP && !sleeper.sleepUnless(() => ring.freeCount > 0)) {
      return { side: 'producer', failure: `a wake-up was lost at slot ${sent}`, sleeps: sleeper.sleeps };
    }
  }
  return { side: 'producer', failure: null, sleeps: sleeper.sleeps };
}

function consume(data: SideData): SideReport {
  const ring = new Ring(data.ring);
  const random = new Prng(data.seed + 1);
  const sleeper = new Sleeper(data.bells, CONSUMER_BELL, PRODUCER_BELL);
  let received = 0;
  let looks = 0;
  while (received < data.slots) {
    const budget = 1 + random.nextInt(data.batchMax);
    let taken = 0;
    for (; taken < budget; taken++) {
      const slot = ring.peek();
      if (slot < 0) break;
      if (!isSlotRight(ring, slot, received)) {
        const text = Array.from(ring.words.subarray(slot * SLOT_WORDS, (slot + 1) * SLOT_WORDS)).join(' ');
        return { side: 'consumer', failure: `slot ${received} holds ${text}`, sleeps: sleeper.sleeps };
      }
      ring.advance();
      received += 1;
    }
    if (taken > 0) {
      ring.release();
      sleeper.ringOther();
    }
    looks = taken === 0 ? looks + 1 : 0;
    if (looks > LOOKS_BEFORE_SLEEP && !sleeper.sleepUnless(() => !ring.isEmpty)) {
      return { side: 'consumer', failure: `a wake-up was lost at slot ${received}`, sleeps: sleeper.sleeps };
    }
  }
  const failure = ring.isEmpty ? null : 'slots are left after the last';
  return { side: 'consumer', failure, sleeps: sleeper.sleeps };
}

function isSlotRight(ring: Ring, slot: number, sequence: number): boolean {
  const word = slot * SLOT_WORDS;
  const { words, numbers } = ring;
  return (
    words[word] === (sequence | 0) &&
    words[word + 1] === ~sequence &&
    words[word + 7] === Math.imul(sequence, 0x9e3779b1) &&
    numbers[(word >> 1) + 4] === sequence &&
    numbers[(word >> 1) + 7] === -sequence
  );
}

function startSide(data: SideData): Promise<SideReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    worker.once('message', (report: SideReport) => resolve(report));
    worker.once('error', reject);
  });
}

async function runOnce(run: Run): Promise<boolean> {
  const ring = new SharedArrayBuffer(Ring.bytesFor(run.ringSlots));
  const counters = new Int32Array(ring);
  counters[RING_HEAD_WORD] = START_COUNTER;
  counters[RING_TAIL_WORD] = START_COUNTER;
  const shared = { ...run, ring, bells: new SharedArrayBuffer(BELL_BYTES) };
  const startedMs = performance.now();
  const consumer = startSide({ ...shared, side: 'consumer' });
  const producer = startSide({ ...shared, side: 'producer' });
  // A side that failed leaves the other waiting, so the first failure ends the run.
  const reports: SideReport[] = [await Promise.race([consumer, producer])];
  if (reports[0]?.failure === null) reports.push(reports[0].side === 'consumer' ? await producer : await consumer);
  const elapsedMs = performance.now() - startedMs;
  const failures = reports.map((report) => report.failure).filter((failure) => failure !== null);
  const nsPerSlot = Number(((elapsedMs * 1e6) / run.slots).toFixed(1));
  const sleeps = reports.map((report) => `${report.side} ${report.sleeps}`).join(', ');
  console.log(JSON.stringify({ ...run, seconds: Number((elapsedMs / 1000).toFixed(2)), nsPerSlot, sleeps, failures }));
  return failures.length === 0;
}

function runFromArguments(): Run {
  const { values } = parseArgs({
    options: {
      slots: { type: 'string' },
      ring: { type: 'string' },
      batch: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  const run = {
    slots: Number(values.slots ?? '1e7'),
    ringSlots: Number(values.ring ?? '4096'),
    batchMax: Number(values.batch ?? '256'),
    seed: Number(values.seed ?? '1'),
  };
  // Beyond 2^53 neighbouring sequence numbers look alike.
  assert(run.slots >= 1 && run.slots <= Number.MAX_SAFE_INTEGER, '--slots is a number of slots');
  return run;
}

if (isMainThread) {
  process.exit((await runOnce(runFromArguments())) ? 0 : 1);
} else {
  const data: SideData = workerData;
  parentPort?.postMessage(data.side === 'producer' ? produce(data) : consume(data));
}
