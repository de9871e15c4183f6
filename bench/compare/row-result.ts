/** What a row came to: the pairs that counted, medians with their intervals, verdicts, and what else must be said of it. */
import type { PlayedPair } from './contest.ts';
import type { Figure, Row, SideName } from './rows.ts';
import { medianInterval, type Ratio } from './statistics.ts';
import type { TurnFigures } from './turn.ts';
import { type Verdict, valuesOf, verdictsOf } from './verdicts.ts';

export type Medians = Readonly<Record<Figure, Ratio>>;

export interface RowResult {
  readonly id: string;
  readonly title: string;
  readonly pairsKept: number;
  readonly pairsDiscarded: number;
  readonly medians: Readonly<Partial<Record<SideName, Medians>>>;
  readonly verdicts: readonly Verdict[];
  /** Each of these spoils the row as a missed bar does. */
  readonly complaints: readonly string[];
  readonly isMet: boolean;
}

/** At the loads that the generator must not disturb it stays below this. */
const LOAD_CORES_MAX = 0.35;

export function rowResult(
  row: Row,
  played: readonly PlayedPair[],
  pairsWanted: number,
  keepsNoisy: boolean,
): RowResult {
  const kept = played.filter((pair) => keepsNoisy || pair.complaint === null).map(figuresBySide);
  const complaints =
    kept.length < pairsWanted ? [`only ${kept.length} of ${pairsWanted} pairs were free of noise`] : [];
  const { work } = row;
  const isPaced = work.kind === 'relay' || (work.kind === 'produce' && work.requestsPerSecond > 0);
  const dearest = Math.max(0, ...kept.flatMap((pair) => Object.values(pair).map((turn) => turn.loadCores)));
  if (isPaced && dearest > LOAD_CORES_MAX && row.bars.some((bar) => bar.against === 'kafka'))
    complaints.push(`the generator took ${dearest.toFixed(2)} cores, more than ${LOAD_CORES_MAX}`);
  const verdicts = kept.length === 0 ? [] : verdictsOf(row, kept);
  return {
    id: row.id,
    title: row.title,
    pairsKept: kept.length,
    pairsDiscarded: played.length - kept.length,
    medians: Object.fromEntries(row.sides.map((side) => [side, kept.length === 0 ? undefined : mediansOf(kept, side)])),
    verdicts,
    complaints,
    isMet: complaints.length === 0 && verdicts.every((verdict) => verdict.outcome !== 'missed'),
  };
}

type KeptPair = Partial<Record<SideName, TurnFigures>>;

function figuresBySide(pair: PlayedPair): KeptPair {
  return Object.fromEntries(pair.turns.map((turn) => [turn.side, turn.figures]));
}

function mediansOf(pairs: readonly KeptPair[], side: SideName): Medians {
  const of = (figure: Figure): Ratio => medianInterval(valuesOf(pairs, side, figure));
  return {
    bytesPerSecond: of('bytesPerSecond'),
    requestsPerSecond: of('requestsPerSecond'),
    cpuSecondsPerGb: of('cpuSecondsPerGb'),
    cpuUsPerRequest: of('cpuUsPerRequest'),
    cores: of('cores'),
    p50Us: of('p50Us'),
    p99Us: of('p99Us'),
    p999Us: of('p999Us'),
  };
}

/** The two sides of a self-check are the same broker: what differs between them is what the harness cannot tell. */
export function selfCheckComplaints(result: RowResult, tolerance: number): string[] {
  const { perfbroker: one, kafka: other } = result.medians;
  if (one === undefined || other === undefined) return ['no pair counted'];
  const checked: readonly Figure[] = ['bytesPerSecond', 'cpuSecondsPerGb'];
  return checked.flatMap((figure) => {
    const ratio = one[figure].value / other[figure].value;
    return ratio <= 1 + tolerance && ratio >= 1 / (1 + tolerance)
      ? []
      : [`${figure} of the same broker differs by a factor of ${ratio.toFixed(2)}`];
  });
}
