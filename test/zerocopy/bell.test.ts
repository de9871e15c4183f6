import { readSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { Bell } from '../../src/zerocopy/bell.ts';
import {
  BELL_ASLEEP_FUTEX,
  BELL_ASLEEP_KERNEL,
  BELL_ASLEEP_LOOP,
  BELL_AWAKE,
  BELL_BYTES,
} from '../../src/zerocopy/layout.ts';
import { loadNative, memoryOf, type Native } from '../../src/zerocopy/native.ts';

const loaded = loadNative().native;
const bodies: [string, Native | null][] = [['without the native part', null]];
if (loaded !== null) bodies.push(['with the native part', loaded]);

const { EAGAIN, ETIMEDOUT } = constants.errno;

describe.each(bodies)('a bell %s', (_name, native) => {
  it('is silent for whoever is awake', () => {
    let wakes = 0;
    const bell = new Bell(new SharedArrayBuffer(BELL_BYTES), 0, native, -1, () => wakes++);
    bell.ring();
    bell.prepareSleep(BELL_ASLEEP_LOOP);
    bell.cancelSleep();
    bell.ring();
    expect(wakes).toBe(0);
  });

  it('wakes a sleeping loop once, however often it is rung', () => {
    const shared = new SharedArrayBuffer(BELL_BYTES * 3);
    let wakes = 0;
    const sleeper = new Bell(shared, 2, native, -1, null);
    const ringers = [0, 1].map(() => new Bell(shared, 2, native, -1, () => wakes++));
    for (let round = 1; round <= 3; round++) {
      sleeper.prepareSleep(BELL_ASLEEP_LOOP);
      for (const ringer of ringers) ringer.ring();
      expect(wakes).toBe(round);
    }
    expect(Atomics.load(new Int32Array(shared), (2 * BELL_BYTES) / 4)).toBe(BELL_AWAKE);
  });

  it('rung between the announcement and the sleep lets nobody fall asleep', () => {
    const bell = new Bell(new SharedArrayBuffer(BELL_BYTES), 0, native, -1, null);
    bell.prepareSleep(BELL_ASLEEP_FUTEX);
    bell.ring();
    const startMs = performance.now();
    bell.waitFutex(10_000);
    expect(performance.now() - startMs).toBeLessThan(5000);
  });

  it('gives up after the time it was told, and is awake then', () => {
    const shared = new SharedArrayBuffer(BELL_BYTES);
    const bell = new Bell(shared, 0, native, -1, null);
    bell.prepareSleep(BELL_ASLEEP_FUTEX);
    const startMs = performance.now();
    bell.waitFutex(20);
    expect(performance.now() - startMs).toBeGreaterThan(15);
    expect(Atomics.load(new Int32Array(shared), 0)).toBe(BELL_AWAKE);
  });

  it('has a row of its own for each role', () => {
    const shared = new SharedArrayBuffer(BELL_BYTES * 2);
    new Bell(shared, 1, native, -1, null).prepareSleep(BELL_ASLEEP_LOOP);
    expect(Atomics.load(new Int32Array(shared), 0)).toBe(BELL_AWAKE);
    expect(() => new Bell(shared, 2, native, -1, null)).toThrow('a bell has a row');
    expect(() => new Bell(shared, 0, native, -1, null).prepareSleep(BELL_AWAKE)).toThrow('a role sleeps in');
  });

  it('refuses to ring where nobody could hear it', () => {
    const shared = new SharedArrayBuffer(BELL_BYTES);
    const bell = new Bell(shared, 0, native, -1, null);
    bell.prepareSleep(BELL_ASLEEP_LOOP);
    expect(() => bell.ring()).toThrow('has a way to be woken');
    bell.prepareSleep(BELL_ASLEEP_KERNEL);
    expect(() => bell.ring()).toThrow('has an event descriptor');
  });
});

describe.runIf(loaded !== null)('waking with the native part', () => {
  it('writes once to the event descriptor of who sleeps in the kernel', () => {
    if (loaded === null) return;
    const event = loaded.eventfdOpen();
    expect(event).toBeGreaterThan(0);
    const bell = new Bell(new SharedArrayBuffer(BELL_BYTES), 0, loaded, event, null);
    bell.prepareSleep(BELL_ASLEEP_KERNEL);
    bell.ring();
    bell.ring();
    const counter = Buffer.alloc(8);
    expect(readSync(event, counter, 0, 8, null)).toBe(8);
    expect(counter.readBigUInt64LE()).toBe(1n);
    expect(loaded.closeFd(event)).toBe(0);
  });

  it('sleeps in a futex only while the word says so', () => {
    if (loaded === null) return;
    const memory = memoryOf(new Uint8Array(new SharedArrayBuffer(64)), loaded);
    expect(loaded.futexWait(memory.address, 1, 1000)).toBe(-EAGAIN);
    expect(loaded.futexWait(memory.address, 0, 5)).toBe(-ETIMEDOUT);
    expect(loaded.futexWake(memory.address, 1)).toBe(0);
    expect(memory.bytes[0]).toBe(0);
  });
});
