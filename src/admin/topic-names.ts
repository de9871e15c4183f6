/**
 * Which names a topic may have. Kafka derives metric names from topic names and turns '.' into '_' there, so two topics
 * that differ only in that are refused, as they are there.
 */
import type { Catalog } from '../cluster/catalog.ts';

export const TOPIC_NAME_LENGTH_MAX = 249;

/** Null for a good name, else a sentence. */
export function problemOfTopicName(name: string): string | null {
  if (name === '') return 'a topic needs a name; this one is empty';
  if (name === '.' || name === '..') return `a topic cannot be called '${name}'`;
  if (name.length > TOPIC_NAME_LENGTH_MAX) {
    return `the topic name has ${name.length} characters but ${TOPIC_NAME_LENGTH_MAX} are allowed; shorten it`;
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `the topic name '${name}' has characters other than letters, digits, '.', '_' and '-'; leave them out`;
  }
  return null;
}

/** A topic that exists and differs from `name`, which does not exist, only in '.' and '_', or null. */
export function collisionOf(name: string, catalog: Catalog): string | null {
  if (!name.includes('.') && !name.includes('_')) return null;
  return flatNamesOf(catalog).get(flattened(name)) ?? null;
}

/** By what is left of a name without the difference. One request may ask for very many names of one catalog. */
const flatNamesByTopics = new WeakMap<Catalog['topicsByName'], ReadonlyMap<string, string>>();

function flatNamesOf({ topicsByName }: Catalog): ReadonlyMap<string, string> {
  const known = flatNamesByTopics.get(topicsByName);
  if (known !== undefined) return known;
  const flatNames = new Map([...topicsByName.keys()].map((name) => [flattened(name), name]));
  flatNamesByTopics.set(topicsByName, flatNames);
  return flatNames;
}

export function flattened(name: string): string {
  return name.replaceAll('.', '_');
}
