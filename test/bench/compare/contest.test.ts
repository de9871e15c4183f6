import { describe, expect, it } from 'vitest';
import { type ContestSettings, runContest, type Sides } from '../../../bench/compare/contest.ts';
import type { Machine } from '../../../bench/compare/machine.ts';
import { type Row, type SideName, sideWords } from '../../../bench/compare/rows.ts';
import type { Side, TurnFigures } from '../../../bench/compare/turn.ts';

const figures: TurnFigures = {
  seconds: 1,
  requests: 1,
  bytes: 2e9,
  unsent: 0,
  cpuSeconds: 1,
  loadCores: 0,
  curve: [],
  bytesPerSecond: 1,
  requestsPerSecond: 1,
  cpuSecondsPerGb: 1,
  cpuUsPerRequest: 1,
  cores: 1,
  p50Us: 1,
  p99Us: 1,
  p999Us: 1,
};

const row: Row = {
  id: 'x',
  title: 'x',
  work: { kind: 'fetch', partitions: 1, connections: 1, inFlight: 1 },
  sides: ['perfbroker', 'kafka', 'limit'],
  bars: [],
};

/** `steal` says for each timed turn, counted from 0, what the host takes; `failing` is a turn that throws. */
function stage(steal: readonly number[], failing = -1) {
  const told: string[] = [];
  let timed = 0;
  const sideOf = (name: SideName): Side => ({
    pid: 0,
    prepare: () => Promise.resolve(void told.push(`prepare ${name}`)),
    async turn() {
      told.push(name);
      if (timed > 0 && timed - 1 === failing) throw new Error('gone');
      return figures;
    },
    finish: () => Promise.resolve(void told.push(`finish ${name}`)),
  });
  const machine: Machine = {
    settle: () => Promise.resolve(void told.push('settle')).then(() => 0),
    watch: () => {
      const turn = timed++;
      return () => ({ stealShare: steal[turn] ?? 0, otherCores: 0 });
    },
    syncDisk: () => void told.push('sync'),
  };
  const sides: Sides = { perfbroker: sideOf('perfbroker'), kafka: sideOf('kafka'), limit: sideOf('limit') };
  const settings: ContestSettings = {
    machine,
    pairs: 2,
    isQuick: false,
    keepsNoisy: false,
    words: sideWords(false),
    say: () => {},
  };
  return { told, sides, settings };
}

const timedTurns = (told: readonly string[]) => told.filter((_, at) => told[at - 1] === 'settle');

describe('a contest', () => {
  it('warms the brokers with 5 GB of the same work and the limit program with nothing', async () => {
    const { told, sides, settings } = stage([]);
    await runContest(row, sides, settings);
    const untilTimed = told.slice(0, told.indexOf('settle'));
    const warming = ['perfbroker', 'sync', 'perfbroker', 'sync', 'perfbroker', 'sync'];
    const prepared = ['prepare perfbroker', 'prepare kafka', 'prepare limit'];
    expect(untilTimed).toEqual([
      ...prepared,
      ...warming,
      ...warming.map((step) => step.replace('perfbroker', 'kafka')),
    ]);
  });

  it('settles the machine before every timed turn, and turns the order of the sides round', async () => {
    const { told, sides, settings } = stage([]);
    const { played, failure } = await runContest(row, sides, settings);
    expect(timedTurns(told).join(' ')).toBe('perfbroker kafka limit limit kafka perfbroker');
    expect(played.map((pair) => pair.complaint)).toEqual([null, null]);
    expect(failure).toBe(null);
    expect(told.slice(-3)).toEqual(['finish perfbroker', 'finish kafka', 'finish limit']);
  });

  it('ends a pair at its first noisy turn and plays it again in the same order', async () => {
    const { told, sides, settings } = stage([0, 0.5]);
    const { played } = await runContest(row, sides, settings);
    expect(timedTurns(told).join(' ')).toBe('perfbroker kafka perfbroker kafka limit limit kafka perfbroker');
    expect(played.map((pair) => pair.complaint)).toEqual(['the host took 50.0 % of the time', null, null]);
  });

  it('gives up on a machine that never comes to rest', async () => {
    const { sides, settings } = stage(Array(100).fill(0.5));
    const { played } = await runContest(row, sides, settings);
    expect(played).toHaveLength(6);
    expect(played.every((pair) => pair.complaint !== null)).toBe(true);
  });

  it('plays noisy pairs to their end when they are to be kept', async () => {
    const { told, sides, settings } = stage([0.5]);
    const { played } = await runContest(row, sides, { ...settings, keepsNoisy: true });
    expect(timedTurns(told)).toHaveLength(6);
    expect(played.map((pair) => pair.turns.length)).toEqual([3, 3]);
    expect(played[0]?.complaint).toBe('the host took 50.0 % of the time');
  });

  it('keeps the pairs it has when a turn fails, and cleans up', async () => {
    const { told, sides, settings } = stage([], 4);
    const { played, failure } = await runContest(row, sides, settings);
    expect(failure).toBe('failed: gone');
    expect(played).toHaveLength(1);
    expect(told.slice(-3)).toEqual(['finish perfbroker', 'finish kafka', 'finish limit']);
  });
});
