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

/** A partition that moves lies in a folder of its name, a point, 32 characters by chance and `-future`. */
const MOVING_SUFFIX_LENGTH = 40;
const FOLDER_NAME_LENGTH_MAX = 255;

/** Moving a partition to the folder it lies in is done at once; there is no other. The order of checks is Kafka's. */
export function codeOfMove(
  controller: Controller,
  folder: DataFolder,
  path: string,
  topic: string,
  partition: number,
): number {
  const folderNameLength = `${topic}-${partition}`.length + MOVING_SUFFIX_LENGTH;
  if (folderNameLength > FOLDER_NAME_LENGTH_MAX) return errorCode.INVALID_TOPIC_EXCEPTION;
  if (path !== folder.path) return errorCode.LOG_DIR_NOT_FOUND;
  return controller.placeOf(topic, partition) === null ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.NONE;
}
