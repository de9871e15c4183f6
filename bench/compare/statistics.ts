/**
 * Medians of paired turns and how far they can be trusted: the interval in which 95 % of the ratios fall when the pairs are
 * drawn again with replacement. Pairs are drawn, not turns: what moved both sides of a pair at once cancels out.
 */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface Ratio extends Interval {
  readonly value: number;
}

const DRAWS = 2000;
const SEED = 0x2545f491;
const LOW_SHARE = 0.025;
const HIGH_SHARE = 0.975;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Median of the first over median of the second, with the interval of that ratio. Both lists hold the turns pair by pair. */
export function ratioOf(first: readonly number[], second: readonly number[]): Ratio {
  if (first.length !== second.length) throw new Error('a ratio is taken over pairs');
  const value = median(first) / median(second);
  return { value, ...bootstrap(first.length, (picked) => medianOf(first, picked) / medianOf(second, picked)) };
}

export function medianInterval(values: readonly number[]): Ratio {
  return { value: median(values), ...bootstrap(values.length, (picked) => medianOf(values, picked)) };
}

function medianOf(values: readonly number[], picked: readonly number[]): number {
  return median(picked.map((index) => values[index] ?? Number.NaN));
}

function bootstrap(count: number, statistic: (picked: readonly number[]) => number): Interval {
  const next = randomFrom(SEED);
  const drawn: number[] = [];
  for (let draw = 0; draw < DRAWS; draw++) {
    drawn.push(statistic(Array.from({ length: count }, () => Math.floor(next() * count))));
  }
  drawn.sort((one, other) => one - other);
  const at = (share: number): number => drawn[Math.round(share * (DRAWS - 1))] ?? Number.NaN;
  return { low: at(LOW_SHARE), high: at(HIGH_SHARE) };
}

/** The same pairs give the same interval each time the table is made from them. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
