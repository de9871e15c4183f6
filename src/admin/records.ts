/**
 * Deleting records from the beginning of partitions, as clients ask for it. A topic that is only compacted keeps its
 * records, because the last one of a key may be old; the broker's own topics keep theirs.
 */
import { isInternalTopic } from '../cluster/catalog.ts';
import type { Controller } from '../cluster/controller.ts';
import { topicValues } from '../config/topic-config.ts';
import { errorCode } from '../protocol/errors.ts';

export interface DeleteWish {
  readonly topic: string;
  readonly partition: number;
  /** Everything before it; -1 is the high watermark. */
  readonly offset: number;
}

export interface DeleteOutcome {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** Where the partition begins now, -1 with an error. */
  readonly lowWatermark: number;
}

/** One outcome for each partition named; of several offsets for one, the last counts. */
export async function deleteRecords(controller: Controller, wishes: readonly DeleteWish[]): Promise<DeleteOutcome[]> {
  const distinct = new Map(wishes.map((wish) => [`${wish.topic} ${wish.partition}`, wish]));
  const outcomes: DeleteOutcome[] = [];
  const moves: { readonly slot: number; readonly worker: number; readonly offset: number }[] = [];
  const wishOfSlot = new Map<number, DeleteWish>();
  for (const wish of distinct.values()) {
    const { topic, partition, offset } = wish;
    const place = controller.placeOf(topic, partition);
    const code = codeOfWish(controller, wish);
    if (code !== errorCode.NONE || place === null) {
      outcomes.push({ topic, partition, errorCode: code, lowWatermark: -1 });
      continue;
    }
    moves.push({ ...place, offset });
    wishOfSlot.set(place.slot, wish);
  }
  const moved = moves.length === 0 ? [] : await controller.host.moveStarts(moves);
  for (const { slot, error, logStart } of moved) {
    const wish = wishOfSlot.get(slot);
    if (wish === undefined) continue;
    outcomes.push({ topic: wish.topic, partition: wish.partition, errorCode: error, lowWatermark: logStart });
  }
  return outcomes;
}

function codeOfWish(controller: Controller, { topic, partition, offset }: DeleteWish): number {
  const found = controller.catalog.topicsByName.get(topic);
  if (found === undefined || controller.placeOf(topic, partition) === null) return errorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (isInternalTopic(topic)) return errorCode.INVALID_TOPIC_EXCEPTION;
  const policy = topicValues(found.configs, controller.config)['cleanup.policy'];
  if (policy.includes('compact') && !policy.includes('delete')) return errorCode.POLICY_VIOLATION;
  return offset < -1 ? errorCode.OFFSET_OUT_OF_RANGE : errorCode.NONE;
}
