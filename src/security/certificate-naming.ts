/**
 * From a certificate to a principal: the subject's name, and `ssl.principal.mapping.rules` as Kafka applies them. The first
 * rule whose pattern matches the whole name decides; without one the client is not let in. Patterns are RE2's: nearly
 * all of Java's that people use, without looking ahead or behind; a rule that needs that is refused at the start.
 */
import { Fault } from '../base/fault.ts';
import { LinearPattern, type PatternMatch } from '../base/linear-pattern.ts';
import { subjectOf } from './distinguished-name.ts';

export type CertificateNaming = (certificate: Uint8Array) => string | null;

type Rule =
  | { readonly kind: 'default' }
  | {
      readonly kind: 'pattern';
      readonly pattern: LinearPattern;
      readonly replacement: string;
      readonly letters: '' | 'L' | 'U';
    };

/** A rule, or anything else up to a comma; a slash or comma within a rule may stand behind a backslash. */
const RULE = /(DEFAULT)|RULE:((?:\\.|[^\\/])*)\/((?:\\.|[^\\/])*)\/([LU]?).*?|(.*?)/.source;
const SPLITTER = new RegExp(`\\s*(${RULE})\\s*(,\\s*|$)`, 'g');
const WHOLE = new RegExp(`^(?:${RULE})`);

/** Throws Fault PB_BAD_SETTING. */
export function certificateNaming(rulesText: string): CertificateNaming {
  const nameFor = principalMapping(rulesText);
  return (certificate) => {
    const subject = subjectOf(certificate);
    const name = subject === null ? null : nameFor(subject);
    return name === null ? null : `User:${name}`;
  };
}

/** Null: no rule applies, or the one that does makes no name: as in Kafka those behind it are not asked then. */
export function principalMapping(rulesText: string): (subject: string) => string | null {
  const rules = rulesOf(rulesText);
  return (subject) => {
    const rule = rules.find((one) => one.kind === 'default' || one.pattern.matches(subject));
    return rule === undefined ? null : applied(rule, subject);
  };
}

function rulesOf(text: string): readonly Rule[] {
  const rules: Rule[] = [];
  for (const [, rule = ''] of text.trim().matchAll(SPLITTER)) {
    const parsed = WHOLE.exec(rule);
    if (parsed === null || parsed[0].length !== rule.length) {
      throw bad(`'${rule}' is no rule; write RULE:pattern/replacement/ with L or U behind it, or DEFAULT`);
    }
    const [, isDefault, pattern, replacement = '', letters = ''] = parsed;
    if (isDefault !== undefined) rules.push({ kind: 'default' });
    else if (pattern !== undefined) rules.push(ruleOf(pattern, replacement, letters));
  }
  return rules;
}

function ruleOf(text: string, replacement: string, letters: string): Rule {
  const compiled = LinearPattern.compile(text);
  if (compiled.kind === 'broken') throw bad(`the pattern ${text} is not good: ${compiled.why}`);
  const { pattern } = compiled;
  return { kind: 'pattern', pattern, replacement, letters: letters === 'L' || letters === 'U' ? letters : '' };
}

function applied(rule: Rule, subject: string): string | null {
  if (rule.kind === 'default') return subject;
  const name = replaced(rule.pattern, subject, rule.replacement);
  if (name === null) return null;
  if (rule.letters === 'L') return name.toLowerCase();
  return rule.letters === 'U' ? name.toUpperCase() : name;
}

/** Every match is replaced, not only the first: a pattern that also matches nothing meets the name's end again, as in Java. */
function replaced(pattern: LinearPattern, subject: string, replacement: string): string | null {
  let text = '';
  let from = 0;
  for (const match of pattern.allIn(subject)) {
    const filled = filledIn(replacement, match, pattern.groupCount);
    if (filled === null) return null;
    text += subject.slice(from, match.start) + filled;
    from = match.end;
  }
  return text + subject.slice(from);
}

/**
 * Java's replacement: `$1` is a group, `\` takes the next character as it is. A number beyond the groups loses digits
 * until it is one of theirs; what is none even then stands for itself where the pattern has groups at all, and is a
 * failure where it has none. Null: a failure.
 */
function filledIn(replacement: string, { groups }: PatternMatch, groupCount: number): string | null {
  let text = '';
  for (let at = 0; at < replacement.length; at++) {
    const character = replacement[at]!;
    if (character === '\\') {
      at += 1;
      if (at === replacement.length) return null;
      text += replacement[at];
    } else if (character === '$') {
      const digits = /^\d+/.exec(replacement.slice(at + 1))?.[0] ?? '';
      if (digits === '') return null;
      const used = digitsOfGroup(digits, groupCount);
      if (used === 0) {
        if (groupCount === 0) return null;
        text += '$';
      } else {
        text += groups[Number(digits.slice(0, used))] ?? '';
        at += used;
      }
    } else {
      text += character;
    }
  }
  return text;
}

/** How many of the digits name a group; 0: none do. */
function digitsOfGroup(digits: string, groupCount: number): number {
  if (Number(digits[0]) > groupCount) return 0;
  let used = 1;
  while (used < digits.length && Number(digits.slice(0, used + 1)) <= groupCount) used += 1;
  return used;
}

function bad(what: string): Fault {
  return new Fault('PB_BAD_SETTING', `ssl.principal.mapping.rules: ${what}`);
}
