/** What a start adds to the catalog that it found: pure, called by the controller. */
import { type FoundFolder, isOfDeleted } from './adoption.ts';
import type { Catalog } from './catalog.ts';
import type { CatalogRecord } from './catalog-records.ts';
import { ADOPTED_PRODUCER_IDS_FROM } from './producer-ids.ts';
import { newTopicId } from './topic-id.ts';

export interface StartOptions {
  /** Partition folders found on disk. */
  readonly found: readonly FoundFolder[];
  /** The last stop was not clean: leader epochs grow, so that no follower or client trusts the lost tail. */
  readonly wasUnclean: boolean;
  /** The id in an adopted folder's meta.properties, or null. */
  readonly clusterId: string | null;
}

/** `adopted`: records of topics that were found in the folder and that the catalog does not know. */
export function startRecords(
  catalog: Catalog,
  options: StartOptions,
  adopted: readonly CatalogRecord[],
  randomBytes: (count: number) => Uint8Array,
): readonly CatalogRecord[] {
  const records: CatalogRecord[] = [];
  if (catalog.clusterId === '') {
    records.push({ kind: 'cluster', clusterId: options.clusterId ?? newTopicId(randomBytes) });
  }
  records.push(...adopted);
  if (adopted.length > 0 && catalog.nextProducerId < ADOPTED_PRODUCER_IDS_FROM) {
    records.push({ kind: 'producer-ids', next: ADOPTED_PRODUCER_IDS_FROM });
  }
  if (options.wasUnclean) records.push({ kind: 'leader-epochs-bumped' });
  const left = options.found.filter((folder) => isOfDeleted(catalog, folder));
  for (const [id, name] of catalog.leaving) {
    const isThere = left.some(({ topicId, topic }) => (topicId === null ? topic === name : topicId === id));
    if (!isThere) records.push({ kind: 'topic-removed', id });
  }
  records.push({ kind: 'boot', brokerEpoch: catalog.brokerEpoch + 1 });
  return records;
}
