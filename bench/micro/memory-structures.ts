/**
 * Nanoseconds per operation of what every job passes through: the ring, the slab, the board, the byte ring, the timer
 * wheel. One thread, warm caches: the floor of each, without what crossing between cores adds (for that see
 * `test/threads/ring-stress.main.ts`). Run the built file: `node dist/bench/micro/memory-structures.js`, three seconds.
 */

import { TimerWheel } from '../../src/base/timer-wheel.ts';
import { Board } from '../../src/zerocopy/board.ts';
import { ByteRing } from '../../src/zerocopy/byte-ring.ts';
import { SLOT_WORDS } from '../../src/zerocopy/layout.ts';
import { Ring } from '../../src/zerocopy/ring.ts';
import { Slab } from '../../src/zerocopy/slab.ts';
import { Prng } from '../../test/support/prng.ts';

const ROUNDS = 8;
const ROUND_MS = 30;
const MIB = 1024 * 1024;

/** Prints the best of several rounds: whatever else ran on the machine only ever adds. */
function measure(name: string, operationsPerCall: number, call: () => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    let calls = 0;
    let elapsedMs = 0;
    while (elapsedMs < ROUND_MS) {
      for (let index = 0; index < 10; index++) call();
      calls += 10;
      elapsedMs = performance.now() - startMs;
    }
    best = Math.min(best, (elapsedMs * 1e6) / (calls * operationsPerCall));
  }
  process.stdout.write(`${name.padEnd(64)} ${best.toFixed(1).padStart(8)} ns\n`);
}

function ringBench(batch: number): void {
  const memory = new SharedArrayBuffer(Ring.bytesFor(1024));
  const producer = new Ring(memory);
  const consumer = new Ring(memory);
  let sum = 0;
  measure(`ring: a slot there, filled and read, ${batch} per publication`, batch, () => {
    for (let index = 0; index < batch; index++) {
      const at = producer.claim() * SLOT_WORDS;
      for (let word = 0; word < 7; word++) producer.words[at + word] = index;
      producer.numbers[(at >> 1) + 4] = index;
    }
    producer.publish();
    for (let slot = consumer.peek(); slot >= 0; slot = consumer.peek()) {
      sum += consumer.words[slot * SLOT_WORDS]! + consumer.numbers[slot * (SLOT_WORDS / 2) + 4]!;
      consumer.advance();
    }
    consumer.release();
  });
  if (Number.isNaN(sum)) throw new Error('the ring lost something');
}

function slabBench(name: string, held: number, blockBytes: (random: Prng) => number): void {
  const bytes = new Uint8Array(new SharedArrayBuffer(256 * MIB));
  const slab = new Slab({ bytes, view: new DataView(bytes.buffer), address: 0 });
  const random = new Prng(1);
  const blocks = new Int32Array(held);
  for (let index = 0; index < held; index++) blocks[index] = slab.allocate(blockBytes(random));
  const sizes = Int32Array.from({ length: 1024 }, () => blockBytes(random));
  const victims = Int32Array.from({ length: 1024 }, () => random.nextInt(held));
  measure(`slab: give back and allocate, ${held} ${name} held`, 1024, () => {
    for (let index = 0; index < 1024; index++) {
      const victim = victims[index]!;
      slab.release(blocks[victim]!);
      blocks[victim] = slab.allocate(sizes[index]!);
    }
  });
}

function boardBench(): void {
  const board = Board.create(1024);
  let offset = 0;
  let sum = 0;
  measure('board: all watermarks of a partition', 1024, () => {
    offset += 1;
    for (let slot = 0; slot < 1024; slot++) board.set(slot, 0, offset, offset, offset, offset);
  });
  measure('board: who watches', 1024, () => {
    for (let slot = 0; slot < 1024; slot++) sum += board.watchers(slot, 0);
  });
  measure('board: high watermark and log start read', 1024, () => {
    for (let slot = 0; slot < 1024; slot++) sum += board.high(slot) - board.logStart(slot);
  });
  if (Number.isNaN(sum)) throw new Error('the board lost something');
}

function byteRingBench(length: number): void {
  const memory = new SharedArrayBuffer(ByteRing.bytesFor(MIB));
  const producer = new ByteRing(memory);
  const consumer = new ByteRing(memory);
  const source = new Uint8Array(length).fill(7);
  const target = new Uint8Array(new SharedArrayBuffer(length));
  measure(`byte ring: a reply of ${length} bytes in and out`, 16, () => {
    for (let index = 0; index < 16; index++) {
      for (let from = 0; from < length; from += producer.lastWritten) {
        const at = producer.tryWrite(source, from, length - from);
        consumer.copyTo(at, producer.lastWritten, target, from);
        consumer.free(producer.lastWritten);
      }
    }
  });
}

function timerBench(armed: number): void {
  const wheel = new TimerWheel(armed + 1024, 0);
  let nowMs = 0;
  for (let id = 0; id < armed; id++) wheel.arm(1024 + id, 1e12 + id);
  measure(`timer wheel: arm and disarm, ${armed} others armed`, 1024, () => {
    for (let id = 0; id < 1024; id++) wheel.arm(id, nowMs + 500);
    for (let id = 0; id < 1024; id++) wheel.disarm(id);
  });
  measure(`timer wheel: arm and expire, ${armed} others armed`, 1024, () => {
    for (let id = 0; id < 1024; id++) wheel.arm(id, nowMs + (id & 7));
    nowMs += 8;
    while (wheel.nextExpired(nowMs) >= 0);
  });
  measure(`timer wheel: a turn in which nothing is due, ${armed} others armed`, 1024, () => {
    for (let turn = 0; turn < 1024; turn++) {
      nowMs += 0.05;
      wheel.nextExpired(nowMs);
    }
    wheel.nextDueMs();
  });
}

ringBench(1);
ringBench(32);
ringBench(512);
slabBench('blocks of 64 KiB', 1000, () => 65_536);
slabBench('blocks of 4 KiB to 1 MiB', 200, (random) => 4096 << random.nextInt(9));
boardBench();
byteRingBench(40);
byteRingBench(400);
byteRingBench(40_000);
timerBench(0);
timerBench(10_000);
