/**
 * What every job passes through: the ring, the slab, the board, the byte ring, the timer wheel. One thread, warm caches:
 * the floor of each, without what crossing between cores adds (for that see `test/threads/ring-stress.main.ts`).
 */

import { TimerWheel } from '../../src/base/timer-wheel.ts';
import { Board } from '../../src/zerocopy/board.ts';
import { ByteRing } from '../../src/zerocopy/byte-ring.ts';
import { SLOT_WORDS } from '../../src/zerocopy/layout.ts';
import { Ring } from '../../src/zerocopy/ring.ts';
import { Slab } from '../../src/zerocopy/slab.ts';
import { Prng } from '../../test/support/prng.ts';
import type { Subject } from './subject.ts';

const MIB = 1024 * 1024;

function hot(name: string, operations: number, run: () => void): Subject {
  return { name, operations, isHot: true, run };
}

export function memorySubjects(): Subject[] {
  return [
    ...[1, 32, 512].map(ringSubject),
    slabSubject('1000 blocks of 64 KiB', 1000, () => 65_536),
    slabSubject('200 blocks of 4 KiB to 1 MiB', 200, (random) => 4096 << random.nextInt(9)),
    ...boardSubjects(),
    ...[40, 400, 40_000].map(byteRingSubject),
    ...[0, 10_000].flatMap(timerSubjects),
  ];
}

function ringSubject(batch: number): Subject {
  const memory = new SharedArrayBuffer(Ring.bytesFor(1024));
  const producer = new Ring(memory);
  const consumer = new Ring(memory);
  let sum = 0;
  return hot(`ring: a slot filled and read, ${batch} a publication`, batch, () => {
    for (let index = 0; index < batch; index++) {
      const at = producer.claim() * SLOT_WORDS;
      for (let word = 0; word < 7; word++) producer.words[at + word] = index;
      producer.numbers[(at >> 1) + 4] = index;
    }
    producer.publish();
    for (let slot = consumer.peek(); slot >= 0; slot = consumer.peek()) {
      sum = (sum + consumer.words[slot * SLOT_WORDS]! + consumer.numbers[slot * (SLOT_WORDS / 2) + 4]!) | 0;
      consumer.advance();
    }
    consumer.release();
  });
}

function slabSubject(held: string, count: number, blockBytes: (random: Prng) => number): Subject {
  const bytes = new Uint8Array(new SharedArrayBuffer(256 * MIB));
  const slab = new Slab({ bytes, view: new DataView(bytes.buffer), address: 0 });
  const random = new Prng(1);
  const blocks = new Int32Array(count);
  for (let index = 0; index < count; index++) blocks[index] = slab.allocate(blockBytes(random));
  const sizes = Int32Array.from({ length: 1024 }, () => blockBytes(random));
  const victims = Int32Array.from({ length: 1024 }, () => random.nextInt(count));
  return hot(`slab: give back and allocate, ${held} held`, 1024, () => {
    for (let index = 0; index < 1024; index++) {
      const victim = victims[index]!;
      slab.release(blocks[victim]!);
      blocks[victim] = slab.allocate(sizes[index]!);
    }
  });
}

function boardSubjects(): Subject[] {
  const board = Board.create(1024);
  let offset = 0;
  let sum = 0;
  return [
    hot('board: all watermarks of a partition', 1024, () => {
      offset += 1;
      for (let slot = 0; slot < 1024; slot++) board.set(slot, 0, offset, offset, offset, offset);
    }),
    hot('board: who watches', 1024, () => {
      for (let slot = 0; slot < 1024; slot++) sum = (sum + board.watchers(slot, 0)) | 0;
    }),
    hot('board: high watermark and log start read', 1024, () => {
      for (let slot = 0; slot < 1024; slot++) sum = (sum + board.high(slot) - board.logStart(slot)) | 0;
    }),
  ];
}

function byteRingSubject(length: number): Subject {
  const memory = new SharedArrayBuffer(ByteRing.bytesFor(MIB));
  const producer = new ByteRing(memory);
  const consumer = new ByteRing(memory);
  const source = new Uint8Array(length).fill(7);
  const target = new Uint8Array(new SharedArrayBuffer(length));
  // Replies of the control plane pass here, with two views each.
  return {
    ...hot(`byte ring: ${length} bytes in and out`, 16, () => {
      for (let index = 0; index < 16; index++) {
        for (let from = 0; from < length; from += producer.lastWritten) {
          const at = producer.tryWrite(source, from, length - from);
          consumer.copyTo(at, producer.lastWritten, target, from);
          consumer.free(producer.lastWritten);
        }
      }
    }),
    isHot: false,
  };
}

function timerSubjects(armed: number): Subject[] {
  const wheel = new TimerWheel(armed + 1024, 0);
  // A number in typed memory: a variable of a closure would be boxed at each step, and counted as the wheel's garbage.
  const nowMs = new Float64Array(1);
  for (let id = 0; id < armed; id++) wheel.arm(1024 + id, 1e12 + id);
  const others = `${armed} others armed`;
  return [
    hot(`timer wheel: arm and disarm, ${others}`, 1024, () => {
      for (let id = 0; id < 1024; id++) wheel.arm(id, nowMs[0]! + 500);
      for (let id = 0; id < 1024; id++) wheel.disarm(id);
    }),
    hot(`timer wheel: arm and expire, ${others}`, 1024, () => {
      for (let id = 0; id < 1024; id++) wheel.arm(id, nowMs[0]! + (id & 7));
      nowMs[0]! += 8;
      while (wheel.nextExpired(nowMs[0]!) >= 0);
    }),
    hot(`timer wheel: a turn in which nothing is due, ${others}`, 1024, () => {
      for (let turn = 0; turn < 1024; turn++) {
        nowMs[0]! += 0.05;
        wheel.nextExpired(nowMs[0]!);
      }
      wheel.nextDueMs();
    }),
  ];
}
