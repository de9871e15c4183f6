/** Holds the medians of a row against its bars. Works on turns that were kept; which those are is decided elsewhere. */
import type { Bar, Figure, Row, SideName } from './rows.ts';
import { medianInterval, type Ratio, ratioOf } from './statistics.ts';

export type Figures = Readonly<Record<Figure, number>>;

/** One turn of every side of a row, taken one after the other. */
export type Pair = Readonly<Partial<Record<SideName, Figures>>>;

export interface Verdict {
  readonly bar: Bar;
  readonly ratio: Ratio;
  readonly outcome: 'aim' | 'must' | 'missed';
  /** The bar lies inside the interval: another run may say otherwise. */
  readonly isClose: boolean;
}

export function valuesOf(pairs: readonly Pair[], side: SideName, figure: Figure): number[] {
  return pairs.map((pair) => {
    const figures = pair[side];
    if (figures === undefined) throw new Error(`a pair lacks its turn of ${side}`);
    return figures[figure];
  });
}

export function verdictsOf(row: Pick<Row, 'bars'>, pairs: readonly Pair[]): Verdict[] {
  return row.bars.map((bar) => {
    const ours = valuesOf(pairs, 'perfbroker', bar.figure);
    const ratio =
      bar.against === 'nothing' ? medianInterval(ours) : ratioOf(ours, valuesOf(pairs, bar.against, bar.figure));
    return { bar, ratio, ...judge(bar, ratio) };
  });
}

/** A figure that is no number misses its bar. */
export function judge(
  bar: Pick<Bar, 'direction' | 'must' | 'aim'>,
  ratio: Ratio,
): Pick<Verdict, 'outcome' | 'isClose'> {
  const meets = (limit: number): boolean =>
    bar.direction === 'at least' ? ratio.value >= limit : ratio.value <= limit;
  const outcome = meets(bar.aim) ? 'aim' : bar.must === null || meets(bar.must) ? 'must' : 'missed';
  const isClose = bar.must !== null && ratio.low <= bar.must && bar.must <= ratio.high;
  return { outcome: Number.isFinite(ratio.value) ? outcome : 'missed', isClose };
}
