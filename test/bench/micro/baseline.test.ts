import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isRegression, judgeBytes, judgeTime, readBaseline } from '../../../bench/micro/baseline.ts';
import { callsFor } from '../../../bench/micro/heap-meter.ts';

/** The line of JSON at the end of a bench. */
interface Outcome {
  readonly worse: readonly string[];
  readonly slower: readonly string[];
}

const run = promisify(execFile);

/** `dist` is built before the tests (`npm test` does it). Gives what a bench says at its end, whatever its exit code is. */
async function bench(name: string, nodeOptions: readonly string[], options: readonly string[]): Promise<Outcome> {
  const program = fileURLToPath(new URL(`../../../dist/bench/${name}.js`, import.meta.url));
  const given = [...nodeOptions, program, '--json', ...options];
  const { stdout } = await run(process.execPath, given).catch((error: unknown) => {
    if (typeof error === 'object' && error !== null && 'stdout' in error) return { stdout: String(error.stdout) };
    throw error;
  });
  const line = stdout.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`bench:${name} said nothing: ${stdout}`);
  return JSON.parse(line);
}

describe('the verdict', () => {
  it('is passed on times in passes of the calibration loop', () => {
    expect(judgeTime(1.3, 1, 1.3)).toBe('ok');
    expect(judgeTime(1.31, 1, 1.3)).toBe('SLOWER');
    expect(judgeTime(0.7, 1, 1.3)).toBe('faster');
    expect(judgeTime(Number.NaN, 1, 1.3)).toBe('SLOWER');
    expect(judgeTime(9, undefined, 1.3)).toBe('new');
  });

  it('is passed on garbage as it is, but for one boxed number', () => {
    expect(judgeBytes(16, 0, 1.3)).toBe('ok');
    expect(judgeBytes(32, 0, 1.3)).toBe('MORE GARBAGE');
    expect(judgeBytes(1316, 1000, 1.3)).toBe('ok');
    expect(judgeBytes(1317, 1000, 1.3)).toBe('MORE GARBAGE');
    expect(judgeBytes(Number.NaN, 0, 1.3)).toBe('MORE GARBAGE');
    expect(judgeBytes(500, undefined, 1.3)).toBe('new');
  });

  it('fails a run for what is worse and for nothing else', () => {
    expect((['ok', 'new', 'faster', 'SLOWER', 'MORE GARBAGE'] as const).filter(isRegression)).toEqual([
      'SLOWER',
      'MORE GARBAGE',
    ]);
  });
});

it('weighs no more at once than the young heap holds, and at least one call', () => {
  expect(callsFor(0, 0)).toBe(500);
  expect(callsFor(5_000, 0)).toBe(100);
  expect(callsFor(0, 5)).toBe(3);
  expect(callsFor(1e9, 1000)).toBe(1);
});

it('knows figures of every subject, and rings and cursors that make no garbage', () => {
  const { subjects } = readBaseline();
  for (const [name, figures] of Object.entries(subjects)) {
    expect(Object.values(figures).filter(Number.isFinite), name).toHaveLength(3);
    if (/^(?:ring|slab|board|produce re|fetch re)/.test(name)) expect(figures.bytes, name).toBe(0);
  }
  expect(Object.keys(subjects).length).toBeGreaterThan(40);
});

/** What the compiler makes of a function it decides anew in each process: what is worse is so in three of them. */
async function alwaysWorse(measure: () => Promise<readonly string[]>): Promise<readonly string[]> {
  let worse = await measure();
  for (let again = 0; again < 2 && worse.length > 0; again++) {
    const now = await measure();
    worse = worse.filter((name) => now.includes(name));
  }
  return worse;
}

it('nothing hot makes more garbage than the baseline says', async () => {
  const options = ['--expose-gc', '--max-semi-space-size=64'];
  const weigh = async () => (await bench('alloc', options, ['--hot', '--warm-ms', '120'])).worse;
  expect(await alwaysWorse(weigh)).toEqual([]);
}, 180_000);

it('nothing hot takes three times as long as the baseline says', async () => {
  const pace = ['--hot', '--rounds', '30', '--round-ms', '8', '--factor', '3'];
  const time = async () => (await bench('micro', [], pace)).slower;
  expect(await alwaysWorse(time)).toEqual([]);
}, 180_000);
