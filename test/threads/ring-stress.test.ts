/**
 * Runs the built stress program with several shapes of ring. `dist` is built before the tests (`npm test` does it).
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const program = fileURLToPath(new URL('../../dist/test/threads/ring-stress.main.js', import.meta.url));
const run = promisify(execFile);
const seed = String(Date.now() % 1_000_000);

describe('a ring between two threads', () => {
  test.each([
    { name: 'of one slot', ring: '1', slots: '2e4', batch: '1' },
    { name: 'of two slots', ring: '2', slots: '1e5', batch: '3' },
    { name: 'of eight slots', ring: '8', slots: '1e6', batch: '20' },
    { name: 'that is published slot by slot', ring: '64', slots: '1e6', batch: '1' },
    { name: 'as the broker uses it', ring: '4096', slots: '1e8', batch: '256' },
  ])('$name loses, repeats and tears nothing', { timeout: 300_000 }, async ({ ring, slots, batch }) => {
    expect(existsSync(program), 'dist is built: node native-bindings/setup.mjs').toBe(true);
    const options = ['--ring', ring, '--slots', slots, '--batch', batch, '--seed', seed];
    const { stdout } = await run(process.execPath, [program, ...options], { timeout: 290_000 });
    expect(JSON.parse(stdout), `seed ${seed}`).toMatchObject({ slots: Number(slots), failures: [] });
  });
});
