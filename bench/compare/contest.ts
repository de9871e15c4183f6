/**
 * One row: both brokers are warmed with its work, then the sides take turns, A B B A, until there are enough pairs that no
 * noise was seen in. All servers live through the whole of it and rest while another is at its turn.
 */
import type { Machine } from './machine.ts';
import { complaintOf, type Noise } from './noise.ts';
import type { Row, SideName } from './rows.ts';
import { type Side, type TurnFigures, turnLength } from './turn.ts';

export interface ContestSettings {
  readonly machine: Machine;
  readonly pairs: number;
  readonly isQuick: boolean;
  /** Pairs under noise count as well. */
  readonly keepsNoisy: boolean;
  /** How the sides are called in what is said. */
  readonly words: Readonly<Record<SideName, string>>;
  readonly say: (line: string) => void;
}

export interface Turn {
  readonly side: SideName;
  readonly figures: TurnFigures;
  readonly noise: Noise;
}

export interface PlayedPair {
  readonly turns: readonly Turn[];
  /** Why the pair does not count, or null. */
  readonly complaint: string | null;
}

export type Sides = Readonly<Partial<Record<SideName, Side>>>;

const ATTEMPTS_PER_PAIR = 3;
const WARM_UP_BYTES = 5e9;
const WARM_UP_SECONDS = 60;
const WARM_UP_QUICK_SHARE = 0.15;

export interface Contest {
  readonly played: readonly PlayedPair[];
  /** What ended it early: the rows after it are played all the same. */
  readonly failure: string | null;
}

export async function runContest(row: Row, sides: Sides, settings: ContestSettings): Promise<Contest> {
  const played: PlayedPair[] = [];
  const taking = row.sides.map((name) => sideOf(sides, name));
  try {
    for (const side of taking) await side.prepare(row);
    for (const name of row.sides) if (name !== 'limit') await warmUp(row, name, sideOf(sides, name), settings);
    await playPairs(row, sides, settings, played);
    return { played, failure: null };
  } catch (error) {
    return { played, failure: `failed: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    for (const side of taking) await side.finish().catch(() => {});
  }
}

async function playPairs(row: Row, sides: Sides, settings: ContestSettings, played: PlayedPair[]): Promise<void> {
  let kept = 0;
  for (let attempt = 0; kept < settings.pairs && attempt < settings.pairs * ATTEMPTS_PER_PAIR; attempt++) {
    const pair = await playPair(row, sides, orderOf(row.sides, kept), settings);
    played.push(pair);
    if (pair.complaint === null || settings.keepsNoisy) kept++;
    if (pair.complaint !== null)
      settings.say(`  pair ${settings.keepsNoisy ? 'noisy' : 'discarded'}: ${pair.complaint}`);
  }
}

/** A B, then B A, then A B … */
export function orderOf(sides: readonly SideName[], pair: number): SideName[] {
  return pair % 2 === 0 ? [...sides] : sides.toReversed();
}

function sideOf(sides: Sides, name: SideName): Side {
  const side = sides[name];
  if (side === undefined) throw new Error(`nobody stands for ${name}`);
  return side;
}

async function playPair(
  row: Row,
  sides: Sides,
  order: readonly SideName[],
  settings: ContestSettings,
): Promise<PlayedPair> {
  const pids = Object.values(sides).flatMap((side) => (side.pid > 0 ? [side.pid] : []));
  const turns: Turn[] = [];
  for (const name of order) {
    const coresAtStart = await settings.machine.settle(pids);
    const watch = settings.machine.watch(pids);
    const figures = await sideOf(sides, name).turn(row, turnLength(row, settings.isQuick));
    const noise: Noise = { ...watch(), coresAtStart };
    turns.push({ side: name, figures, noise });
    settings.say(`  ${settings.words[name].padEnd(11)} ${describe(figures)}  ${noiseText(noise)}`);
    const complaint = complaintOf(noise);
    if (complaint === null) continue;
    if (!settings.keepsNoisy || turns.length === order.length) return { turns, complaint };
  }
  const complaint = turns.map((turn) => complaintOf(turn.noise)).find((text) => text !== null);
  return { turns, complaint: complaint ?? null };
}

async function warmUp(row: Row, name: SideName, side: Side, settings: ContestSettings): Promise<void> {
  const share = settings.isQuick ? WARM_UP_QUICK_SHARE : 1;
  const beginMs = performance.now();
  let bytes = 0;
  const seconds = (): number => (performance.now() - beginMs) / 1000;
  while (bytes < WARM_UP_BYTES * share && seconds() < WARM_UP_SECONDS * share) {
    bytes += (await side.turn(row, turnLength(row, settings.isQuick))).bytes;
    settings.machine.syncDisk();
  }
  settings.say(
    `  ${settings.words[name].padEnd(11)} warmed with ${(bytes / 1e9).toFixed(1)} GB in ${seconds().toFixed(0)} s`,
  );
}

function describe(figures: TurnFigures): string {
  const { bytesPerSecond, requestsPerSecond, cpuSecondsPerGb, cpuUsPerRequest, p50Us, p99Us, p999Us, loadCores } =
    figures;
  const rate = `${(bytesPerSecond / 1e6).toFixed(0)} MB/s ${requestsPerSecond.toFixed(0)} req/s`;
  const cpu = `${cpuSecondsPerGb.toFixed(2)} CPU-s/GB ${cpuUsPerRequest.toFixed(1)} us each`;
  return `${rate}  ${cpu}  p50 ${p50Us} p99 ${p99Us} p99.9 ${p999Us} us  generator ${loadCores.toFixed(2)} cores`;
}

function noiseText(noise: Noise): string {
  return `steal ${(noise.stealShare * 100).toFixed(1)} % others ${noise.otherCores.toFixed(2)}`;
}
