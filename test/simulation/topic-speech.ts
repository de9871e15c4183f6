/** How a client speaks of topics when it produces and fetches: by name, or, as today's clients do, by id. */
import type { Prng } from '../support/prng.ts';
import type { TopicName } from './partition-model.ts';

export interface Speech {
  readonly isById: boolean;
  readonly produceVersion: number;
  readonly fetchVersion: number;
}

export const BY_NAME: Speech = { isById: false, produceVersion: 9, fetchVersion: 12 };
export const BY_ID: Speech = { isById: true, produceVersion: 13, fetchVersion: 18 };

export function anySpeech(random: Prng): Speech {
  return random.nextBoolean() ? BY_ID : BY_NAME;
}

/** What stands for a topic in a request. */
export function spoken({ isById }: Speech, { name, id }: TopicName): { topicId: string } | { name: string } {
  return isById ? { topicId: id } : { name };
}

/** An answer is about this topic. */
export function isAbout(
  { isById }: Speech,
  topic: TopicName,
  answered: { readonly name: string; readonly topicId: string } | undefined,
): boolean {
  if (answered === undefined) return false;
  return isById ? answered.topicId === topic.id : answered.name === topic.name;
}
