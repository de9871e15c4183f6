/** A simulation that finds nothing says something only if it would find what is broken: each of these it has to notice. */
import { expect, test, vi } from 'vitest';
import { LogDirectory } from '../../src/storage/log-directory.ts';
import {
  beginlessDisk,
  blindDisk,
  earlyDisk,
  flippingDisk,
  forgetfulDisk,
  moodyDisk,
  namelessDisk,
} from './meddled-disk.ts';
import { GROUP_SETS, type Profile } from './profile.ts';
import { type SimulationOptions, simulate } from './simulation.ts';
import { Violation } from './violation.ts';

const SEEDS_MAX = 60;

const NO_FAULTS: Profile['faults'] = {
  kill: 0,
  power: 0,
  'crash point': 0,
  stop: 0,
  reset: 1,
  leap: 2,
  'clock back': 0,
  'stalled flusher': 0,
  'cold pages': 0,
  'write error': 0,
  'sync error': 0,
  'read error': 0,
  'file error': 0,
  'full disk': 0,
};
const KILLS = { startFaults: 0, faults: { ...NO_FAULTS, kill: 2 } };
const CUTS = { startFaults: 0, faults: { ...NO_FAULTS, power: 2 } };
const FLUSHED_CUTS: Partial<Profile> = {
  ...CUTS,
  promised: 'device',
  sets: [...GROUP_SETS, 'perfbroker.durability=fsync'],
};

const canaries: [string, SimulationOptions][] = [
  [
    'a disk that forgets flushes, where acknowledgements wait for them',
    { meddle: forgetfulDisk, profile: FLUSHED_CUTS },
  ],
  [
    'a disk that forgets flushes of the flush window',
    { meddle: forgetfulDisk, profile: { ...CUTS, promised: 'window', flushWindowMs: 100 } },
  ],
  ['names of files that are never flushed', { meddle: namelessDisk, profile: FLUSHED_CUTS }],
  ['a log that is cut where a start cannot read it', { meddle: blindDisk, profile: { ...KILLS, startFaults: 1 } }],
  ['a log that takes nothing more for no reason', { meddle: moodyDisk, profile: KILLS }],
  ['starts of logs that are not written down', { meddle: beginlessDisk, profile: KILLS }],
  ['an acknowledgement before its write', { meddle: earlyDisk, profile: KILLS }],
  ['a bit that flips on the way to a consumer', { meddle: flippingDisk, profile: KILLS }],
  [
    'a record that is not delivered',
    { tamper: (batches, random) => batches.filter(() => random.nextInt(200) > 0), profile: KILLS },
  ],
  [
    'two batches that change places',
    { tamper: (batches, random) => (random.nextInt(20) === 0 ? [...batches].reverse() : batches), profile: KILLS },
  ],
  [
    'a record under the number of another',
    {
      tamper: (batches, random) =>
        random.nextInt(20) > 0
          ? batches
          : batches.map((batch) => ({
              ...batch,
              records: batch.records.map(({ offset, number }) => ({
                offset,
                number: number < 1 ? number : number + 1,
              })),
            })),
      profile: KILLS,
    },
  ],
];

/** Often killed while topics come and go. */
const KILLED_AMONG_PASSING: Partial<Profile> = { ...KILLS, hasPassing: true, faultEvery: 25, ticks: 400 };

test.each(canaries)('%s is noticed', { timeout: 120_000 }, async (what, options) => {
  await expectNoticed(what, options);
});

test('checkpoints that a topic takes over from its namesake are noticed', { timeout: 120_000 }, async () => {
  const forgetting = vi.spyOn(LogDirectory.prototype, 'forgetNamesakes').mockImplementation(() => undefined);
  try {
    await expectNoticed('checkpoints of a namesake', { profile: KILLED_AMONG_PASSING });
  } finally {
    forgetting.mockRestore();
  }
});

async function expectNoticed(what: string, options: SimulationOptions): Promise<void> {
  let found: Violation | null = null;
  let seed = 0;
  while (found === null && seed < SEEDS_MAX) {
    seed += 1;
    found = await simulate(seed, options).then(
      () => null,
      (error: unknown) => {
        if (error instanceof Violation) return error;
        throw error;
      },
    );
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(found, `within ${SEEDS_MAX} seeds`).toBeInstanceOf(Violation);
  process.stdout.write(`canary: ${what}: seed ${seed}: ${found?.message}\n`);
}
