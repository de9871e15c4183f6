import { expect, it } from 'vitest';
import { complaintOf, noiseBetween, parseMachineClock } from '../../../bench/compare/noise.ts';

const statText = (user: number, steal: number) =>
  `cpu  ${user} 10 20 3000 40 5 6 ${steal} 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 1 1 1 1 1 1 1 1 0 0\nintr 5\n`;

it('reads busy and stolen time of the whole machine', () => {
  expect(parseMachineClock(statText(170, 50), 1000)).toEqual({
    atMs: 1000,
    cores: 2,
    busySeconds: 2,
    stealSeconds: 0.5,
  });
  expect(() => parseMachineClock('nothing', 0)).toThrow(/no core/);
});

it('takes what the bench and the servers used from what the machine used', () => {
  const before = parseMachineClock(statText(0, 0), 0);
  const after = parseMachineClock(statText(300, 40), 2000);
  expect(noiseBetween(before, after, 2)).toEqual({ stealShare: 0.1, otherCores: 0.5 });
  // Ticks are coarser than the clock of a process: others never hold less than nothing.
  expect(noiseBetween(before, after, 3.5).otherCores).toBe(0);
});

it('complains of each kind of noise, and of none below its bound', () => {
  const quiet = { stealShare: 0.02, otherCores: 0.25, coresAtStart: 0.25 };
  expect(complaintOf(quiet)).toBe(null);
  expect(complaintOf({ ...quiet, stealShare: 0.03 })).toBe('the host took 3.0 % of the time');
  expect(complaintOf({ ...quiet, otherCores: 0.3 })).toBe('others held 0.30 cores');
  expect(complaintOf({ ...quiet, coresAtStart: 0.3 })).toBe('others held 0.30 cores at its start');
});
