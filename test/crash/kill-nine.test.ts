/**
 * kill -9 under everything a broker does, again and again: records in every codec, rolls, retention, deletions, compaction,
 * transactions, offsets, topics that come, grow and go, settings, users and rules. After every start all that was acknowledged
 * is looked for (`programme/`): records at their offsets with their bytes, none twice; transactions whole or not there; offsets
 * and settings as they were acknowledged; topics with their ids and partitions; nothing left over on disk.
 *
 * PERFBROKER_CRASH_CYCLES (50; `npm run nightly:crash`: 500) and PERFBROKER_CRASH_SEED steer it; the seed of a run is printed.
 */
import { afterEach, expect, it } from 'vitest';
import { CrashProgramme } from './programme/crash-programme.ts';

const CYCLES = Number(process.env['PERFBROKER_CRASH_CYCLES'] ?? 50);
const SEED = Number(process.env['PERFBROKER_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const MS_MAX = 120_000 + CYCLES * 10_000;
/** Everything is read back and compared after every so many kills; in between, what is new. */
const FULL_CHECK_EVERY = 10;
/** Then on a fresh folder: what was deleted and compacted leaves traces that make later starts slow to check. */
const CYCLES_PER_FOLDER = 100;

const CANARY_CYCLES_MAX = 30;

let programme: CrashProgramme | null = null;

afterEach(async () => {
  await programme?.end();
  programme = null;
});

/** What the broker said is half of every explanation. */
async function explained<T>(what: string, work: (programme: CrashProgramme) => Promise<T>): Promise<T> {
  if (programme === null) throw new Error('a programme has begun');
  try {
    return await work(programme);
  } catch (cause) {
    throw new Error(`${what}, PERFBROKER_CRASH_SEED=${SEED}; the broker said:\n${programme.output.slice(-4000)}`, {
      cause,
    });
  }
}

it(
  `keeps every promise through ${CYCLES} kills`,
  async () => {
    process.stdout.write(`crash test: ${CYCLES} cycles, PERFBROKER_CRASH_SEED=${SEED}\n`);
    for (let done = 0; done < CYCLES; ) {
      const count = Math.min(CYCLES_PER_FOLDER, CYCLES - done);
      programme = await CrashProgramme.begin(SEED + done);
      for (let cycle = 1; cycle <= count; cycle++) {
        await explained(`cycle ${done + cycle}`, async (running) => {
          await running.cycle();
          expect(await running.verify(cycle % FULL_CHECK_EVERY === 0 || cycle === count)).toEqual([]);
        });
      }
      process.stdout.write(`crash test: ${programme.counts()}\n`);
      for (const actor of programme.actors) expect(actor.doneCount, actor.name).toBeGreaterThan(0);
      await programme.end();
      done += count;
    }
  },
  MS_MAX,
);

it('is noticed by every checker: each promise that nobody made is missed', async () => {
  programme = await CrashProgramme.begin(SEED);
  await explained('the canary', async (running) => {
    // On a busy machine one load may be too short for somebody to get anything done, and then there is nothing to lie about.
    for (let cycle = 0; cycle === 0 || running.actors.some(({ doneCount }) => doneCount === 0); cycle++) {
      if (cycle === CANARY_CYCLES_MAX) throw new Error('somebody gets nothing done');
      await running.cycle();
      expect(await running.verify(true)).toEqual([]);
    }
    for (const actor of running.actors) {
      actor.lie();
      expect(await actor.verify(true), actor.name).not.toEqual([]);
    }
  });
}, 300_000);
