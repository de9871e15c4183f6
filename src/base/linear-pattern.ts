/**
 * A client's regular expression over names, in RE2's syntax as Kafka has it. Matching takes time in proportion to the
 * length of a name whatever the expression is (a JavaScript `RegExp` would not: `(a+)+$` hangs it), and the size of an
 * expression is bounded, because that is the factor. The engine is loaded with the first pattern.
 */
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';

const require = createRequire(import.meta.url);
let engine: typeof RE2JS | null = null;

function loadEngine(): typeof RE2JS {
  if (engine !== null) return engine;
  const loaded: { readonly RE2JS: typeof RE2JS } = require('re2js');
  engine = loaded.RE2JS;
  return engine;
}

/** A name of 249 characters against an expression of this size takes about 25 ms in the worst case. */
export const PATTERN_INSTRUCTIONS_MAX = 1000;
/** Before it is compiled: compiling costs time in proportion to the text. */
export const PATTERN_LENGTH_MAX = 4096;

/** Groups by number, the whole match first; null: it took no part. */
export interface PatternMatch {
  readonly start: number;
  readonly end: number;
  readonly groups: readonly (string | null)[];
}

export type PatternResult =
  | { readonly kind: 'pattern'; readonly pattern: LinearPattern }
  | { readonly kind: 'broken'; readonly why: string };

export class LinearPattern {
  readonly text: string;
  private readonly expression: RE2JS;

  private constructor(text: string, expression: RE2JS) {
    this.text = text;
    this.expression = expression;
  }

  static compile(text: string): PatternResult {
    if (text.length > PATTERN_LENGTH_MAX) return broken(`it is longer than ${PATTERN_LENGTH_MAX} characters`);
    try {
      const expression = loadEngine().compile(text);
      if (expression.programSize() > PATTERN_INSTRUCTIONS_MAX)
        return broken(`it needs more than ${PATTERN_INSTRUCTIONS_MAX} instructions; use fewer or smaller repetitions`);
      return { kind: 'pattern', pattern: new LinearPattern(text, expression) };
    } catch (error) {
      return broken(error instanceof Error ? error.message : String(error));
    }
  }

  /** Steps that matching a name may take: what a budget of work counts. */
  stepsMax(name: string): number {
    return this.expression.programSize() * (name.length + 1);
  }

  get groupCount(): number {
    return this.expression.groupCount();
  }

  /** All places where it matches, from left to right, without overlap. */
  allIn(text: string): PatternMatch[] {
    const matcher = this.expression.matcher(text);
    const matches: PatternMatch[] = [];
    while (matcher.find()) {
      const groups = Array.from({ length: this.groupCount + 1 }, (_, group) => matcher.group(group));
      matches.push({ start: matcher.start(), end: matcher.end(), groups });
    }
    return matches;
  }

  /** The whole name has to match, not a part of it. */
  matches(name: string): boolean {
    return this.expression.matches(name);
  }
}

function broken(why: string): PatternResult {
  return { kind: 'broken', why };
}
