/**
 * Looks at the partition folders found on disk when the broker starts, and decides what each one is: part of a topic
 * the catalog knows, a topic to be adopted (the data folder was written by Apache Kafka, or by this broker before its
 * metadata file was lost), or something left over. Pure: it reads no disk.
 */
import type { Catalog } from './catalog.ts';
import type { CatalogRecord } from './catalog-records.ts';
import { isTopicId, newTopicId } from './topic-id.ts';

export interface FoundFolder {
  readonly topic: string;
  readonly partition: number;
  /** From partition.metadata; null when the file is missing. */
  readonly topicId: string | null;
  /** Last entry of leader-epoch-checkpoint, 0 when there is none. */
  readonly leaderEpoch: number;
  /** Why nobody can say whose it is. */
  readonly flaw?: string | null;
}

export interface LeftoverFolder {
  readonly folder: FoundFolder;
  /** Its topic was deleted and the folder may go; any other reason needs a person. */
  readonly isDeleted: boolean;
  /** A sentence for the log. */
  readonly reason: string;
}

export interface AdoptionPlan {
  readonly records: readonly CatalogRecord[];
  readonly adoptedTopics: readonly string[];
  readonly leftovers: readonly LeftoverFolder[];
}

/** Kafka's own metadata log: never a topic of ours. */
export const KAFKA_METADATA_TOPIC = '__cluster_metadata';
/** More partitions than any topic has: a folder with such a number is not one of a topic. */
const PARTITIONS_MAX = 100_000;

export function planAdoption(
  catalog: Catalog,
  found: readonly FoundFolder[],
  randomBytes: (count: number) => Uint8Array,
): AdoptionPlan {
  const leftovers: LeftoverFolder[] = [];
  const unknown = new Map<string, FoundFolder[]>();
  for (const folder of found) {
    if (folder.topic === KAFKA_METADATA_TOPIC) continue;
    const leftover = leftoverOf(catalog, folder);
    if (leftover !== null) leftovers.push(leftover);
    else if (!catalog.topicsByName.has(folder.topic)) {
      const folders = unknown.get(folder.topic) ?? [];
      folders.push(folder);
      unknown.set(folder.topic, folders);
    }
  }
  const records: CatalogRecord[] = [];
  for (const name of [...unknown.keys()].sort()) {
    const folders = unknown.get(name) ?? [];
    records.push(recordOf(name, folders, leftovers, randomBytes));
  }
  const adoptedTopics = records.flatMap((record) => (record.kind === 'topic' ? [record.name] : []));
  return { records, adoptedTopics, leftovers };
}

function leftoverOf(catalog: Catalog, folder: FoundFolder): LeftoverFolder | null {
  const name = `${folder.topic}-${folder.partition}`;
  if (isOfDeleted(catalog, folder)) {
    return { folder, isDeleted: true, reason: `the folder ${name} belongs to a deleted topic, and goes` };
  }
  if (folder.partition >= PARTITIONS_MAX) {
    return {
      folder,
      isDeleted: false,
      reason: `the folder ${name} has a partition number beyond ${PARTITIONS_MAX} and is left alone`,
    };
  }
  const topic = catalog.topicsByName.get(folder.topic);
  if (topic === undefined) {
    const flaw = folder.flaw ?? null;
    return flaw === null
      ? null
      : { folder, isDeleted: false, reason: `the folder ${name} is left alone, since it ${flaw}` };
  }
  if (folder.topicId !== null && folder.topicId !== topic.id) {
    return {
      folder,
      isDeleted: false,
      reason: `the folder ${name} belongs to another topic of the same name (id ${folder.topicId}, now ${topic.id}); move it away`,
    };
  }
  if (folder.partition < topic.leaderEpochs.length) return null;
  return {
    folder,
    isDeleted: false,
    reason: `the folder ${name} is beyond the ${topic.leaderEpochs.length} partitions of its topic; move it away`,
  };
}

/** A power cut may have taken the file that says whose the folder is; then its name has to do. */
export function isOfDeleted({ leaving, topicsByName }: Catalog, { topic, topicId }: FoundFolder): boolean {
  if (topicId !== null) return leaving.has(topicId);
  return !topicsByName.has(topic) && [...leaving.values()].includes(topic);
}

/** The topic takes the id of its lowest-numbered folder that has one; folders that disagree are left over. */
function recordOf(
  name: string,
  folders: readonly FoundFolder[],
  leftovers: LeftoverFolder[],
  randomBytes: (count: number) => Uint8Array,
): CatalogRecord {
  const sorted = folders.toSorted((a, b) => a.partition - b.partition);
  const given = sorted.find((folder) => folder.topicId !== null && isTopicId(folder.topicId))?.topicId ?? null;
  const id = given ?? newTopicId(randomBytes);
  const epochs = new Map<number, number>();
  for (const folder of sorted) {
    if (folder.topicId === null || folder.topicId === id) {
      epochs.set(folder.partition, Math.max(0, folder.leaderEpoch));
      continue;
    }
    const reason = `the folder ${name}-${folder.partition} has the topic id ${folder.topicId}, its siblings ${id}; move it away`;
    leftovers.push({ folder, isDeleted: false, reason });
  }
  const count = Math.max(...epochs.keys()) + 1;
  const leaderEpochs = Array.from({ length: count }, (_, partition) => epochs.get(partition) ?? 0);
  return { kind: 'topic', name, id, configs: {}, leaderEpochs };
}
