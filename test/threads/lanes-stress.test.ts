/** Runs the built stress program over all lanes of several shapes of broker. `dist` is built before the tests. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const program = fileURLToPath(new URL('../../dist/test/threads/lanes-stress.main.js', import.meta.url));
const run = promisify(execFile);
const seed = String(Date.now() % 1_000_000);

describe('all lanes between fronts and workers', () => {
  test.each([
    { fronts: 1, workers: 1, jobs: 2e6, ring: 4096, batch: 256 },
    { fronts: 3, workers: 2, jobs: 2e5, ring: 64, batch: 32 },
    { fronts: 2, workers: 5, jobs: 2e4, ring: 2, batch: 4 },
    { fronts: 8, workers: 8, jobs: 5e3, ring: 16, batch: 32 },
  ])(
    '$fronts × $workers lose, repeat and mix up nothing',
    { timeout: 120_000 },
    async ({ fronts, workers, jobs, ring, batch }) => {
      const shape = ['--fronts', fronts, '--workers', workers, '--jobs', jobs, '--ring', ring, '--batch', batch];
      const { stdout } = await run(process.execPath, [program, ...[...shape, '--seed', seed].map(String)], {
        timeout: 110_000,
      });
      expect(JSON.parse(stdout), `seed ${seed}`).toMatchObject({ lanes: fronts * workers, jobs, failures: [] });
    },
  );
});
