import { describe, expect, test } from 'vitest';
import { LinearPattern, PATTERN_INSTRUCTIONS_MAX, PATTERN_LENGTH_MAX } from '../../src/base/linear-pattern.ts';

function compiled(text: string): LinearPattern {
  const result = LinearPattern.compile(text);
  if (result.kind === 'broken') throw new Error(result.why);
  return result.pattern;
}

describe('a topic pattern', () => {
  test('matches whole names only', () => {
    expect(compiled('order.*').matches('orders')).toBe(true);
    expect(compiled('order').matches('orders')).toBe(false);
    expect(compiled('foo|foobar').matches('foobar')).toBe(true);
  });

  test('knows the syntax of RE2', () => {
    expect(compiled('(?i)ORDERS').matches('orders')).toBe(true);
    expect(compiled('\\Qa.b\\E-\\d+').matches('a.b-17')).toBe(true);
    expect(compiled('[[:alpha:]]+').matches('abc')).toBe(true);
  });

  test.each(['[', '*a', '(?=a)', '\\1', 'a{1001}', '(a{1000}){1000}', '('])('refuses %s', (text) => {
    expect(LinearPattern.compile(text).kind).toBe('broken');
  });

  test('refuses what is too large to be matched quickly', () => {
    expect(LinearPattern.compile('(a?){1000}a{1000}')).toMatchObject({
      kind: 'broken',
      why: expect.stringContaining(String(PATTERN_INSTRUCTIONS_MAX)),
    });
    expect(LinearPattern.compile('a'.repeat(PATTERN_LENGTH_MAX + 1)).kind).toBe('broken');
  });

  test('an expression that hangs a backtracking engine is answered at once', () => {
    const pattern = compiled('(a+)+b');
    expect(pattern.matches('a'.repeat(249))).toBe(false);
    expect(pattern.stepsMax('a'.repeat(249))).toBeLessThan(10_000);
  });
});
