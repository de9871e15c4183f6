/** Looks patterns up at once, as the broker does in slices. */

import { LinearPattern } from '../../src/base/linear-pattern.ts';
import { resolutionOutcome } from '../../src/groups/pattern-resolution.ts';
import type { ConsumerRig } from './consumer-rig.ts';

export function resolvePatterns(rig: ConsumerRig, patterns: readonly string[]): void {
  const resolved = new Map<string, readonly string[]>();
  for (const text of patterns) {
    const result = LinearPattern.compile(text);
    if (result.kind === 'broken') throw new Error(result.why);
    resolved.set(text, [...rig.topics.names()].filter((name) => result.pattern.matches(name)).sort());
  }
  rig.take(resolutionOutcome(rig.group, resolved, rig.world));
}
