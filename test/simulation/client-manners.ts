/** How clients of a simulation connect: some read slowly, some in small pieces. */
import type { FakeClientOptions } from '../support/fake-client.ts';
import type { Prng } from '../support/prng.ts';

/** Come again: the partition or the coordinator is not ready for this. */
export const COME_AGAIN: ReadonlySet<number> = new Set([3, 5, 6, 7, 9, 14, 15, 16, 19, 51, 56, -1]);

export function manners(random: Prng): FakeClientOptions {
  const dice = random.nextInt(10);
  if (dice === 0) return { receiveBytesMax: 1 + random.nextInt(30) };
  if (dice === 1) return { windowBytes: 50 + random.nextInt(2000) };
  return {};
}

export function anyOf<T>(random: Prng, items: readonly T[]): T {
  const item = items[random.nextInt(items.length)];
  if (item === undefined) throw new RangeError('there is something to choose from');
  return item;
}
