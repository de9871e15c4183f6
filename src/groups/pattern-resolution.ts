/**
 * Looking up which topics a group's regular expressions stand for. It is done beside the heartbeats, a slice of bounded
 * work at a time, so that no expression and no number of topics holds the broker up; what was found becomes records, and a
 * new epoch if it differs from what was known.
 *
 * A slice ends after so many steps of the matching engine; one name is never cut in two, which bounds it by the size of an
 * expression (`topic-pattern.ts`).
 */

import { LinearPattern } from '../base/linear-pattern.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import type { ResolvedPattern } from './consumer-group-record.ts';
import { isSameList } from './consumer-member.ts';
import { newChange, type Outcome, outcomeOf } from './group-outcome.ts';
import type { GroupWorld } from './group-world.ts';
import { metadataHashOf, subscribedNames } from './subscriptions.ts';

/** About 5 ms. */
const SLICE_STEPS = 50_000;

export class PatternLookup {
  private readonly patterns: readonly LinearPattern[];
  private readonly names: readonly string[];
  private readonly found: Map<string, string[]>;
  private nameIndex = 0;
  private patternIndex = 0;

  /** Patterns that cannot be compiled any more (an older version wrote them) stand for no topic. */
  constructor(patterns: readonly string[], names: Iterable<string>) {
    this.found = new Map(patterns.map((text) => [text, []]));
    this.patterns = patterns.flatMap((text) => {
      const result = LinearPattern.compile(text);
      return result.kind === 'pattern' ? [result.pattern] : [];
    });
    this.names = [...names];
  }

  /** True when everything was looked at. */
  work(): boolean {
    for (let steps = 0; steps < SLICE_STEPS; ) {
      const name = this.names[this.nameIndex];
      if (name === undefined) return true;
      const pattern = this.patterns[this.patternIndex++];
      if (pattern === undefined) {
        this.patternIndex = 0;
        this.nameIndex++;
        continue;
      }
      steps += pattern.stepsMax(name);
      if (pattern.matches(name)) this.found.get(pattern.text)?.push(name);
    }
    return false;
  }

  /** Pattern → names, sorted. */
  get result(): ReadonlyMap<string, readonly string[]> {
    for (const names of this.found.values()) names.sort();
    return this.found;
  }
}

export function resolutionOutcome(
  group: ConsumerGroup,
  found: ReadonlyMap<string, readonly string[]>,
  { topics, nowMs }: GroupWorld,
): Outcome<null> {
  const change = newChange();
  const patterns = new Map<string, ResolvedPattern>(group.patterns);
  let isNew = false;
  for (const [pattern, topicNames] of found) {
    // Its last reader may have gone meanwhile.
    if (group.patternReaderCount(pattern) === 0) continue;
    const value = { topicNames, catalogVersion: topics.version, timestampMs: nowMs };
    if (!isSameList(group.patterns.get(pattern)?.topicNames ?? [], topicNames)) isNew = true;
    patterns.set(pattern, value);
    change.records.push({ kind: 'pattern', pattern, value });
  }
  const metadataHash = metadataHashOf(subscribedNames(group.members.values(), patterns), topics);
  if (isNew || metadataHash !== group.metadataHash) {
    change.records.push({ kind: 'group', value: { epoch: group.epoch + 1, metadataHash } });
    change.effects.push({ kind: 'metadata-fresh' });
  }
  return outcomeOf(change, null);
}
