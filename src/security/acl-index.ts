/**
 * A set of access rules, arranged so that one look at a resource costs a few lookups however many rules there are: by type
 * and name the literal ones, by type and length the prefixes. Immutable; a change of rules makes a new one.
 *
 * What an identity may do to a resource is a field of bits, one for each operation. Deny wins over allow; where no rule
 * speaks of the resource at all, the default counts; otherwise what is not allowed is denied.
 */
import {
  type AclBinding,
  EVERY_OPERATION,
  EVERYBODY,
  OPERATION_ALL,
  OPERATION_ALTER,
  OPERATION_ALTER_CONFIGS,
  OPERATION_DELETE,
  OPERATION_DESCRIBE,
  OPERATION_DESCRIBE_CONFIGS,
  OPERATION_READ,
  OPERATION_WRITE,
  PATTERN_PREFIXED,
  PERMISSION_ALLOW,
  WILDCARD,
} from '../protocol/acl.ts';

interface Rule {
  readonly principal: string;
  readonly host: string;
  /** Operations, with those that an allowed one brings along. */
  readonly bits: number;
  readonly isAllow: boolean;
}

interface TypeRules {
  readonly literal: Map<string, Rule[]>;
  readonly prefixed: Map<string, Rule[]>;
  /** Of the prefixes, each once. */
  readonly prefixLengths: number[];
}

export interface RuleSubject {
  readonly principal: string;
  /** As `net/identity` spells it. */
  readonly host: string;
}

export class AclIndex {
  private readonly byType = new Map<number, TypeRules>();
  private readonly defaultBits: number;

  /** `hostOf` brings the hosts of rules into the spelling of identities. */
  constructor(bindings: Iterable<AclBinding>, isOpenWithoutRules: boolean, hostOf: (text: string) => string) {
    this.defaultBits = isOpenWithoutRules ? EVERY_OPERATION : 0;
    for (const binding of bindings) {
      const rules = this.rulesOf(binding.resourceType);
      const isPrefix = binding.patternType === PATTERN_PREFIXED;
      const byName = isPrefix ? rules.prefixed : rules.literal;
      const { resourceName: name, principal, host } = binding;
      const isAllow = binding.permissionType === PERMISSION_ALLOW;
      const rule = { principal, host: host === WILDCARD ? host : hostOf(host), bits: bitsOf(binding), isAllow };
      const known = byName.get(name);
      if (known === undefined) byName.set(name, [rule]);
      else known.push(rule);
      if (isPrefix && !rules.prefixLengths.includes(name.length)) rules.prefixLengths.push(name.length);
    }
  }

  /** The operations that `subject` may do to the resource. */
  rightsOn(resourceType: number, name: string, subject: RuleSubject): number {
    const rules = this.byType.get(resourceType);
    if (rules === undefined) return this.defaultBits;
    const sum = { allowed: 0, denied: 0, isSpokenOf: false };
    add(sum, rules.literal.get(name), subject);
    if (name !== WILDCARD) add(sum, rules.literal.get(WILDCARD), subject);
    for (const length of rules.prefixLengths) {
      if (length <= name.length) add(sum, rules.prefixed.get(name.slice(0, length)), subject);
    }
    return sum.isSpokenOf ? sum.allowed & ~sum.denied : this.defaultBits;
  }

  /** Whether the rules leave `subject` some resource of the type to which it may do the operation. */
  mayOnSome(resourceType: number, operation: number, subject: RuleSubject): boolean {
    const rules = this.byType.get(resourceType);
    if (rules === undefined) return false;
    const { literal, prefixed, prefixLengths } = rules;
    const bit = 1 << operation;
    const says = (list: readonly Rule[] | undefined, isAllow: boolean): boolean =>
      list?.some((rule) => rule.isAllow === isAllow && (rule.bits & bit) !== 0 && isFor(rule, subject)) ?? false;
    if (says(literal.get(WILDCARD), false)) return false;
    if (says(literal.get(WILDCARD), true)) return true;
    const isDeniedByPrefix = (name: string): boolean =>
      prefixLengths.some((length) => length <= name.length && says(prefixed.get(name.slice(0, length)), false));
    for (const [name, list] of literal) {
      if (says(list, true) && !says(list, false) && !isDeniedByPrefix(name)) return true;
    }
    for (const [name, list] of prefixed) {
      if (says(list, true) && !isDeniedByPrefix(name)) return true;
    }
    return false;
  }

  private rulesOf(resourceType: number): TypeRules {
    let rules = this.byType.get(resourceType);
    if (rules === undefined) {
      rules = { literal: new Map(), prefixed: new Map(), prefixLengths: [] };
      this.byType.set(resourceType, rules);
    }
    return rules;
  }
}

function isFor({ principal, host }: Rule, subject: RuleSubject): boolean {
  if (principal !== subject.principal && principal !== EVERYBODY) return false;
  return host === WILDCARD || host === subject.host;
}

function add(
  sum: { allowed: number; denied: number; isSpokenOf: boolean },
  rules: readonly Rule[] | undefined,
  subject: RuleSubject,
): void {
  if (rules === undefined) return;
  sum.isSpokenOf = true;
  for (const rule of rules) {
    if (!isFor(rule, subject)) continue;
    if (rule.isAllow) sum.allowed |= rule.bits;
    else sum.denied |= rule.bits;
  }
}

const impliesDescribe =
  (1 << OPERATION_READ) | (1 << OPERATION_WRITE) | (1 << OPERATION_DELETE) | (1 << OPERATION_ALTER);

/** Whoever may read may see what there is; whoever must not read may see it all the same. */
function bitsOf({ operation, permissionType }: AclBinding): number {
  if (operation === OPERATION_ALL) return EVERY_OPERATION;
  const bit = 1 << operation;
  if (permissionType !== PERMISSION_ALLOW) return bit;
  if ((bit & impliesDescribe) !== 0) return bit | (1 << OPERATION_DESCRIBE);
  return operation === OPERATION_ALTER_CONFIGS ? bit | (1 << OPERATION_DESCRIBE_CONFIGS) : bit;
}
