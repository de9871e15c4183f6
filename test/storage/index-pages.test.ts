import { expect, test } from 'vitest';
import { IndexPages, PAGE_BYTES } from '../../src/storage/index-pages.ts';
import { FakeDisk } from '../support/fake-disk.ts';

test('pages are found by file and number until their file forgets them or sixteen others came', () => {
  const pages = new IndexPages(new FakeDisk());
  const [one, other] = [{}, {}];
  const at = pages.take(one, 0);
  const behind = pages.take(one, 1);
  const others = pages.take(other, 0);
  expect(new Set([at, behind, others]).size).toBe(3);
  for (const where of [at, behind, others]) expect(where % PAGE_BYTES).toBe(0);
  for (let round = 0; round < 3; round++) {
    expect([pages.find(one, 0), pages.find(one, 1), pages.find(other, 0)]).toEqual([at, behind, others]);
    expect(pages.find(other, 1)).toBe(-1);
  }
  pages.forget(one);
  expect([pages.find(one, 0), pages.find(one, 1), pages.find(other, 0)]).toEqual([-1, -1, others]);
  for (let number = 1; number <= 16; number++) pages.take(one, number);
  expect(pages.find(other, 0)).toBe(-1);
  expect(pages.memory.bytes.length).toBe(16 * PAGE_BYTES);
});
