import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // One more than the cores of a small machine: a third of the time goes by in waiting for disks and foreign clients.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
  },
});
