/** Who gets memory when, and who is told that he will not. */
import { expect, it } from 'vitest';
import { BufferMemory } from '../../../src/client/producing/buffer-memory.ts';

it('gives bytes out until there are none, and in the order in which they were asked for', () => {
  const memory = new BufferMemory(100);
  const begun: string[] = [];
  expect(memory.take(80)).toBe(true);
  expect(memory.take(30)).toBe(false);
  memory.wait(
    30,
    1000,
    () => begun.push('large'),
    () => {},
  );
  memory.wait(
    5,
    1000,
    () => begun.push('small'),
    () => {},
  );
  // There would be room for the small one, but it does not overtake.
  expect(memory.take(5)).toBe(false);
  memory.give(5);
  expect(begun).toEqual([]);
  memory.give(5);
  expect(begun).toEqual(['large']);
  memory.give(30);
  expect(begun).toEqual(['large', 'small']);
  expect(memory.usedBytes).toBe(75);
});

it('refuses those whose time is over and says when the next one is due', () => {
  const memory = new BufferMemory(10);
  const refused: string[] = [];
  memory.take(10);
  memory.wait(
    1,
    100,
    () => {},
    ({ code }) => refused.push(`first ${code}`),
  );
  memory.wait(
    1,
    200,
    () => {},
    ({ code }) => refused.push(`second ${code}`),
  );
  expect(memory.expire(50)).toBe(100);
  expect(memory.expire(150)).toBe(200);
  expect(refused).toEqual(['first PB_TIMEOUT']);
  expect(memory.expire(200)).toBe(Number.POSITIVE_INFINITY);
});

it('tells those who want room when half of it is free', async () => {
  const memory = new BufferMemory(100);
  memory.take(100);
  let hasRoom = false;
  const room = memory.room().then(() => {
    hasRoom = true;
  });
  expect(memory.isExhausted).toBe(true);
  memory.give(40);
  await Promise.resolve();
  expect(hasRoom).toBe(false);
  memory.give(20);
  await room;
  expect(memory.isExhausted).toBe(false);
});
