import { expect, it } from 'vitest';
import { memoryBytes } from '../../src/workers/broker-sizes.ts';

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
