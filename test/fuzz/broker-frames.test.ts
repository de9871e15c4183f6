/**
 * Hostile frames against a whole broker in one thread (`broker-fuzz`), and that the fuzzer sees a broker which is broken.
 * FUZZ_FRAMES and FUZZ_SEED choose how many and from where; a failure says the seed.
 */
import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { everyApi } from '../protocol/schemas.ts';
import type { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import { BrokerFuzz } from './broker-fuzz.ts';

const env: { readonly FUZZ_FRAMES?: string; readonly FUZZ_SEED?: string; readonly FUZZ_TIME_MS?: string } = process.env;
const FRAMES = Number(env.FUZZ_FRAMES ?? 150_000);
const SEED = Number(env.FUZZ_SEED ?? 20_261_121);
const TIME_MS_MAX = Number(env.FUZZ_TIME_MS ?? 60_000);
/** So many frames, and chance has picked every version of every API. */
const FRAMES_FOR_ALL = 50_000;

test(`${FRAMES} hostile frames (seed ${SEED}) harm nobody`, { timeout: TIME_MS_MAX * 2 }, async () => {
  const fuzz = await BrokerFuzz.start({ seed: SEED, frames: FRAMES, timeMsMax: TIME_MS_MAX });
  const { sent, answers, witnessed, made } = await fuzz.run();
  process.stdout.write(`fuzz: ${sent} frames, ${answers} answers, ${made.size} versions, ${witnessed} witnessed\n`);
  expect(sent).toBeGreaterThan(FRAMES / 20);
  if (sent < FRAMES_FOR_ALL) return;
  for (const { name, versions } of everyApi) {
    for (let version = versions[0]; version <= versions[1]; version++) {
      expect(made.has(`${name} v${version}`), `${name} of version ${version} was made`).toBe(true);
    }
  }
});

describe('the fuzzer sees', () => {
  const harms: readonly (readonly [string, RegExp, (broker: BrokerInOneThread) => void])[] = [
    [
      'a leak of receive memory',
      /less than/,
      (broker) => void broker.front.slab.allocate(broker.front.slab.bytesTotal / 4),
    ],
    [
      'a handler that failed',
      /harmed by the test/,
      (broker) => void broker.failures.push(new Error('harmed by the test')),
    ],
    [
      'a front that stands still',
      /has arrived/,
      (broker) => {
        must(broker.fronts[0], 'there is a front').isStanding = true;
      },
    ],
  ];
  test.each(harms)('%s', async (_name, words, harm) => {
    const plan = { seed: SEED, frames: 6000, timeMsMax: TIME_MS_MAX, sabotage: { afterFrames: 1000, harm } };
    const fuzz = await BrokerFuzz.start(plan);
    await expect(fuzz.run()).rejects.toThrow(words);
  });
});
