import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { loadNative } from '../../src/zerocopy/native.ts';
import { ThreadPlace } from '../../src/zerocopy/thread-place.ts';

const { native } = loadNative();
const place = native === null ? null : ThreadPlace.open(native);

function allowedHere(): string {
  return /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1] ?? '';
}

describe.skipIf(native === null || place === null)('the place of a thread', () => {
  const before = allowedHere();
  const first = Number.parseInt(before, 10);
  const last = Number(before.split(/[-,]/).at(-1));

  afterEach(() => place?.unbind());

  it('is one processor while the thread is bound, and what it was before afterwards', () => {
    for (const processor of [first, last, first]) {
      expect(place?.bind(processor)).toBe(true);
      expect(allowedHere()).toBe(String(processor));
    }
    place?.unbind();
    expect(allowedHere()).toBe(before);
    place?.unbind();
    expect(allowedHere()).toBe(before);
  });

  it('is refused where the machine has no such processor, and nothing has changed', () => {
    expect([place?.bind(1023), native?.threadBind(-1), native?.threadBind(1 << 20)].map(Boolean)).toEqual([
      false,
      true,
      true,
    ]);
    expect(native?.threadBind(1 << 20)).toBeLessThan(0);
    expect(allowedHere()).toBe(before);
  });

  it('is left alone when somebody else has set it meanwhile', ({ skip }) => {
    expect(place?.bind(first)).toBe(true);
    const thread = readlinkSync('/proc/thread-self').split('/').at(-1) ?? '';
    const set = spawnSync('taskset', ['-pc', `${first},${last}`, thread]);
    if (set.status !== 0) skip();
    expect(allowedHere()).not.toBe(String(first));
    const theirs = allowedHere();
    expect(place?.bind(first)).toBe(false);
    place?.unbind();
    expect(allowedHere()).toBe(theirs);
    spawnSync('taskset', ['-pc', before, thread]);
  });

  it('tells how long the thread ran and how long a processor had nothing to do', () => {
    place?.look();
    const ranMs = place?.ranMs ?? 0;
    const untilMs = performance.now() + 60;
    while (performance.now() < untilMs);
    place?.look();
    expect(place?.ranMs).toBeGreaterThan(ranMs);
    expect(place?.delayedMs).toBeGreaterThanOrEqual(0);
    expect(place?.idleMsOf(first)).toBeGreaterThan(0);
    expect(place?.idleMsOf(1023)).toBe(-1);
  });
});
