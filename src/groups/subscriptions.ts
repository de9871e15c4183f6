/**
 * From what members ask for (names and regular expressions) to topics that exist, and the hash over those topics by which
 * a group notices that one of them came, grew or went.
 */
import type { ResolvedPattern } from './consumer-group-record.ts';
import type { ConsumerMember } from './consumer-member.ts';
import { groupHash, topicHash } from './metadata-hash.ts';
import type { TopicView } from './topic-view.ts';

/** Ids of the topics that exist among those a member reads. A pattern that is not resolved yet stands for none. */
export function subscribedIdsOf(
  { metadata }: ConsumerMember,
  patterns: ReadonlyMap<string, ResolvedPattern>,
  topics: TopicView,
): ReadonlySet<string> {
  const ids = new Set<string>();
  const add = (name: string): void => {
    const id = topics.idOf(name);
    if (id !== null) ids.add(id);
  };
  for (const name of metadata.topicNames) add(name);
  for (const name of patterns.get(metadata.topicPattern)?.topicNames ?? []) add(name);
  return ids;
}

/** All names that some member reads, resolved patterns of readers included. */
export function subscribedNames(
  members: Iterable<ConsumerMember>,
  patterns: ReadonlyMap<string, ResolvedPattern>,
): ReadonlySet<string> {
  const names = new Set<string>();
  const seenPatterns = new Set<string>();
  for (const { metadata } of members) {
    for (const name of metadata.topicNames) names.add(name);
    if (metadata.topicPattern === '' || seenPatterns.has(metadata.topicPattern)) continue;
    seenPatterns.add(metadata.topicPattern);
    for (const name of patterns.get(metadata.topicPattern)?.topicNames ?? []) names.add(name);
  }
  return names;
}

export function metadataHashOf(names: ReadonlySet<string>, topics: TopicView): bigint {
  const hashes = [];
  for (const name of [...names].sort()) {
    const id = topics.idOf(name);
    if (id !== null) hashes.push(topicHash({ id, name, partitionCount: topics.partitionCountOf(id) }));
  }
  return groupHash(hashes);
}
