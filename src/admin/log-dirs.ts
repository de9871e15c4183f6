/** The data folder as clients see it: how much room there is, how much each partition takes, and that there is only one. */
import type { Controller } from '../cluster/controller.ts';
import { errorCode } from '../protocol/errors.ts';

export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  /** Of the file system it lies in; -1 where the system does not tell. */
  room(): { readonly totalBytes: number; readonly usableBytes: number };
}

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface TopicSizes {
  readonly name: string;
  readonly partitions: readonly { readonly partition: number; readonly sizeBytes: number }[];
}

/** Null asks for all; of what is named only partitions that exist are told. */
export async function describeSizes(
  controller: Controller,
  asked: readonly TopicPartitions[] | null,
): Promise<TopicSizes[]> {
  const wanted = asked === null ? null : wantedOf(asked);
  const sizes = await controller.host.sizes();
  const topics: TopicSizes[] = [];
  for (const { name, id } of controller.catalog.topicsByName.values()) {
    const numbers = wanted?.get(name);
    if (wanted !== null && numbers === undefined) continue;
    const partitions = controller.placesOf(id).flatMap(({ slot }, partition) => {
      const sizeBytes = sizes.get(slot);
      const isWanted = numbers === undefined || numbers.has(partition);
      return sizeBytes === undefined || !isWanted ? [] : { partition, sizeBytes };
    });
    if (partitions.length > 0) topics.push({ name, partitions });
  }
  return topics;
}

function wantedOf(asked: readonly TopicPartitions[]): Map<string, Set<number>> {
  const wanted = new Map<string, Set<number>>();
  for (const { topic, partitions } of asked) {
    const numbers = wanted.get(topic) ?? new Set();
    for (const partition of partitions) numbers.add(partition);
    wanted.set(topic, numbers);
  }
  return wanted;
}

/** Moving a partition to the folder it lies in is done at once; there is no other. */
export function codeOfMove(
  controller: Controller,
  folder: DataFolder,
  path: string,
  topic: string,
  partition: number,
): number {
  if (controller.placeOf(topic, partition) === null) return errorCode.UNKNOWN_TOPIC_OR_PARTITION;
  return path === folder.path ? errorCode.NONE : errorCode.LOG_DIR_NOT_FOUND;
}
