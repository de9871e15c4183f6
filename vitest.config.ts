import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // One more than the cores of a small machine: who waits for a disk or a foreign client leaves his to another.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
  },
});
