import { afterEach, expect, test, vi } from 'vitest';
import { parseArgs } from '../../bench/load/options.ts';

afterEach(() => vi.restoreAllMocks());

test('an option that there is not is told in a line, and ends the program', () => {
  const said: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => {
    throw new Error('ended');
  });
  const config = { options: { pairs: { type: 'string' } } } as const;
  expect(parseArgs({ ...config, args: ['--pairs', '3'] }).values.pairs).toBe('3');
  expect(() => parseArgs({ ...config, args: ['--rounds', '3'] })).toThrow('ended');
  expect(exit).toHaveBeenCalledWith(2);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/'--rounds'.*--help/);
});
