/**
 * Looking up which topics a group's regular expressions stand for. It is done beside the heartbeats, a slice of bounded
 * work at a time, so that no expression and no number of topics or expressions holds the broker up; what was found becomes
 * records, and a new epoch if it differs from what was known.
 *
 * One expression is compiled and goes through all names before the next one. A slice ends after so many steps of the
 * matching engine; neither an expression nor a name is cut in two, which bounds it by the size of one of them.
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
/** What compiling a character may cost in steps, for an expression of classes of letters, which is the dearest. */
const COMPILE_STEPS = 500;

export class PatternLookup {
  private readonly texts: readonly string[];
  private readonly names: readonly string[];
  private readonly found: Map<string, string[]>;
  private textIndex = 0;
  private nameIndex = 0;
  /** Null: the expression at `textIndex` is to be compiled. */
  private pattern: LinearPattern | null = null;

  constructor(patterns: readonly string[], names: Iterable<string>) {
    this.found = new Map(patterns.map((text) => [text, []]));
    this.texts = [...this.found.keys()];
    this.names = [...names];
  }

  /** True when everything was looked at. */
  work(): boolean {
    for (let steps = 0; steps < SLICE_STEPS; ) {
      const text = this.texts[this.textIndex];
      if (text === undefined) return true;
      if (this.pattern === null) {
        steps += text.length * COMPILE_STEPS;
        const result = LinearPattern.compile(text);
        // One that cannot be compiled any more (an older version wrote it) stands for no topic.
        if (result.kind === 'broken') this.textIndex++;
        else this.pattern = result.pattern;
        continue;
      }
      const name = this.names[this.nameIndex++];
      if (name === undefined) {
        this.pattern = null;
        this.nameIndex = 0;
        this.textIndex++;
        continue;
      }
      steps += this.pattern.stepsMax(name);
      if (this.pattern.matches(name)) this.found.get(text)?.push(name);
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
