import { expect, it } from 'vitest';
import { connectionsRoom, memoryBytes } from '../../src/workers/broker-sizes.ts';

it('memory follows the control group where it is smaller than the machine, and the machine where there is none', () => {
  const gibibyte = 2 ** 30;
  // What Node says without a limit: 0, or a number beyond any machine.
  const cases = [
    [16 * gibibyte, gibibyte / 2, gibibyte / 2],
    [16 * gibibyte, 0, 16 * gibibyte],
    [16 * gibibyte, 2 ** 63, 16 * gibibyte],
    [gibibyte, 2 * gibibyte, gibibyte],
  ] as const;
  for (const [machine, group, expected] of cases) expect(memoryBytes(machine, group)).toBe(expected);
});

it('connections leave an eighth of the descriptors, and those of the start, to files', () => {
  const limits = (count: string) =>
    `Limit      Soft Limit  Hard Limit  Units\nMax open files     ${count}    1048576   files\n`;
  expect(connectionsRoom(limits('200'))).toBe(111);
  expect(connectionsRoom(limits('1024'))).toBe(832);
  expect(connectionsRoom(limits('1048576'))).toBe(1_048_576 - 64 - 8192);
  expect(connectionsRoom(limits('unlimited'))).toBe(Number.POSITIVE_INFINITY);
  expect(connectionsRoom('')).toBe(Number.POSITIVE_INFINITY);
});
