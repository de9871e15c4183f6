/**
 * The order of the test files: what takes longest begins first, so that no worker stands idle beside a long file at the
 * end; what computes alternates with what mostly waits for a disk or a foreign client.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Parts of paths, the longest first; the rest comes behind them in the order of the test runner. */
const LONG_FILES = [
  'crash/power-cut',
  'simulation/course-1',
  'crash/kill-nine',
  'simulation/course-2',
  'clients/common-scenarios',
  'simulation/course-3',
  'clients/share-groups',
  'simulation/course-4',
  'process/thread-death',
  'clients/our-client-on-kafka',
  'clients/consumer-groups',
  'zerocopy/sanitizers',
  'clients/java-groups',
  'clients/admin-tools',
  'process/data-folder',
  'crash/exactly-once',
  'bounds/bombs',
  'clients/quotas',
  'damage/damage',
  'clients/sasl',
  'clients/console',
  'clients/',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const place = LONG_FILES.findIndex((part) => moduleId.includes(`/test/${part}`));
  return place < 0 ? LONG_FILES.length : place;
}
