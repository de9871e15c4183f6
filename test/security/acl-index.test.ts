import { describe, expect, test } from 'vitest';
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
  OPERATION_TWO_PHASE_COMMIT,
  OPERATION_WRITE,
  PATTERN_LITERAL,
  PATTERN_PREFIXED,
  PERMISSION_ALLOW,
  PERMISSION_DENY,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
} from '../../src/protocol/acl.ts';
import { AclIndex, type RuleSubject } from '../../src/security/acl-index.ts';
import { Prng } from '../support/prng.ts';

const same = (text: string): string => text;
const alice = { principal: 'User:alice', host: '10.0.0.1' };

function rule(fields: Partial<AclBinding>): AclBinding {
  return {
    resourceType: RESOURCE_TOPIC,
    resourceName: 't',
    patternType: PATTERN_LITERAL,
    principal: 'User:alice',
    host: '*',
    operation: OPERATION_READ,
    permissionType: PERMISSION_ALLOW,
    ...fields,
  };
}

function may(bindings: readonly AclBinding[], operation: number, name: string, who: RuleSubject = alice): boolean {
  const index = new AclIndex(bindings, false, same);
  return (index.rightsOn(RESOURCE_TOPIC, name, who) & (1 << operation)) !== 0;
}

/** The rules read one by one, as the protocol's documentation words them: slow, and nothing to get wrong. */
function oracle(bindings: readonly AclBinding[], isOpen: boolean, operation: number, name: string, who: RuleSubject) {
  const about = bindings.filter((one) => {
    if (one.resourceType !== RESOURCE_TOPIC) return false;
    if (one.patternType === PATTERN_PREFIXED) return name.startsWith(one.resourceName);
    return one.resourceName === name || one.resourceName === '*';
  });
  if (about.length === 0) return isOpen;
  const mine = about.filter(
    (one) =>
      (one.principal === who.principal || one.principal === EVERYBODY) && (one.host === '*' || one.host === who.host),
  );
  const allowing = [operation, OPERATION_ALL];
  if (operation === OPERATION_DESCRIBE)
    allowing.push(OPERATION_READ, OPERATION_WRITE, OPERATION_DELETE, OPERATION_ALTER);
  if (operation === OPERATION_DESCRIBE_CONFIGS) allowing.push(OPERATION_ALTER_CONFIGS);
  const denies = mine.some(
    (one) => one.permissionType === PERMISSION_DENY && [operation, OPERATION_ALL].includes(one.operation),
  );
  return !denies && mine.some((one) => one.permissionType === PERMISSION_ALLOW && allowing.includes(one.operation));
}

describe('what a set of access rules allows', () => {
  test('a literal rule is about one name, a prefix about all that begin with it, the star about all', () => {
    expect(may([rule({ resourceName: 'orders' })], OPERATION_READ, 'orders')).toBe(true);
    expect(may([rule({ resourceName: 'orders' })], OPERATION_READ, 'orders-1')).toBe(false);
    expect(may([rule({ resourceName: 'ord', patternType: PATTERN_PREFIXED })], OPERATION_READ, 'orders')).toBe(true);
    expect(may([rule({ resourceName: 'ord', patternType: PATTERN_PREFIXED })], OPERATION_READ, 'or')).toBe(false);
    expect(may([rule({ resourceName: '*' })], OPERATION_READ, 'anything')).toBe(true);
    // As a prefix, a star is a letter.
    expect(may([rule({ resourceName: '*', patternType: PATTERN_PREFIXED })], OPERATION_READ, 'anything')).toBe(false);
  });

  test('deny wins, however particular what is allowed is', () => {
    const allow = rule({ resourceName: 'orders' });
    const deny = rule({ resourceName: '*', permissionType: PERMISSION_DENY, principal: EVERYBODY });
    expect(may([allow, deny], OPERATION_READ, 'orders')).toBe(false);
    expect(may([allow, { ...deny, host: '10.0.0.2' }], OPERATION_READ, 'orders')).toBe(true);
  });

  test('who may read may also see; who must not read may see', () => {
    for (const operation of [OPERATION_READ, OPERATION_WRITE, OPERATION_DELETE, OPERATION_ALTER]) {
      expect(may([rule({ operation })], OPERATION_DESCRIBE, 't')).toBe(true);
    }
    expect(may([rule({ operation: OPERATION_ALTER_CONFIGS })], OPERATION_DESCRIBE_CONFIGS, 't')).toBe(true);
    expect(may([rule({ operation: OPERATION_ALTER_CONFIGS })], OPERATION_DESCRIBE, 't')).toBe(false);
    const denied = rule({ permissionType: PERMISSION_DENY });
    expect(may([rule({ operation: OPERATION_DESCRIBE }), denied], OPERATION_DESCRIBE, 't')).toBe(true);
  });

  test('nobody else is meant; everybody is', () => {
    const bob = { principal: 'User:bob', host: '10.0.0.1' };
    expect(may([rule({})], OPERATION_READ, 't', bob)).toBe(false);
    expect(may([rule({ principal: EVERYBODY })], OPERATION_READ, 't', bob)).toBe(true);
  });

  test('without any rule about a resource the default counts, with one what is not allowed is denied', () => {
    const index = new AclIndex([rule({ resourceName: 'ruled', principal: 'User:bob' })], true, same);
    expect(index.rightsOn(RESOURCE_TOPIC, 'free', alice)).toBe(EVERY_OPERATION);
    expect(index.rightsOn(RESOURCE_TOPIC, 'ruled', alice)).toBe(0);
    expect(index.rightsOn(RESOURCE_GROUP, 'ruled', alice)).toBe(EVERY_OPERATION);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('agrees with reading the rules one by one, seed %i', (seed) => {
    const prng = new Prng(seed);
    const pick = <T>(items: readonly T[]): T => items[prng.nextInt(items.length)]!;
    const names = ['a', 'ab', 'abc', 'abd', 'b', '*', 'a*', 'ba'];
    const principals = ['User:alice', 'User:bob', EVERYBODY];
    const hosts = ['*', '10.0.0.1', '10.0.0.2'];
    for (let round = 0; round < 60; round++) {
      const bindings = Array.from({ length: prng.nextInt(14) }, () =>
        rule({
          resourceType: prng.nextInt(8) === 0 ? RESOURCE_GROUP : RESOURCE_TOPIC,
          resourceName: pick(names),
          patternType: pick([PATTERN_LITERAL, PATTERN_PREFIXED]),
          principal: pick(principals),
          host: pick(hosts),
          operation: OPERATION_ALL + prng.nextInt(OPERATION_TWO_PHASE_COMMIT - OPERATION_ALL + 1),
          permissionType: prng.nextInt(4) === 0 ? PERMISSION_DENY : PERMISSION_ALLOW,
        }),
      );
      const isOpen = prng.nextInt(2) === 0;
      const index = new AclIndex(bindings, isOpen, same);
      for (const name of names.filter((one) => one !== '*')) {
        const who = { principal: pick(['User:alice', 'User:carol']), host: pick(['10.0.0.1', '10.0.0.3']) };
        const rights = index.rightsOn(RESOURCE_TOPIC, name, who);
        for (let operation = OPERATION_READ; operation <= OPERATION_TWO_PHASE_COMMIT; operation++) {
          const expected = oracle(bindings, isOpen, operation, name, who);
          const seen = (rights & (1 << operation)) !== 0;
          expect(seen, JSON.stringify({ seed, round, name, operation, who, bindings, isOpen })).toBe(expected);
        }
      }
    }
  });
});

describe('whether rules leave somebody anything of a type', () => {
  const onSome = (bindings: readonly AclBinding[]): boolean =>
    new AclIndex(bindings, false, same).mayOnSome(RESOURCE_TOPIC, OPERATION_WRITE, alice);
  const allow = rule({ operation: OPERATION_WRITE, resourceName: 'orders' });
  const deny = { ...allow, permissionType: PERMISSION_DENY };

  test('one name or prefix is enough, unless all of it is denied', () => {
    expect(onSome([])).toBe(false);
    expect(onSome([allow])).toBe(true);
    expect(onSome([allow, deny])).toBe(false);
    expect(onSome([allow, { ...deny, resourceName: 'ord', patternType: PATTERN_PREFIXED }])).toBe(false);
    expect(onSome([allow, { ...deny, resourceName: 'orders-1' }])).toBe(true);
    expect(onSome([{ ...allow, patternType: PATTERN_PREFIXED }, deny])).toBe(true);
    expect(onSome([allow, { ...deny, resourceName: '*' }])).toBe(false);
    expect(onSome([{ ...allow, resourceName: '*' }, deny])).toBe(true);
    expect(onSome([{ ...allow, operation: OPERATION_READ }])).toBe(false);
  });
});
