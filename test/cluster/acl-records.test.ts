import { describe, expect, test } from 'vitest';
import { Catalog } from '../../src/cluster/catalog.ts';
import { decodeRecords, encodeRecords } from '../../src/cluster/catalog-records.ts';
import { type AclBinding, aclKey } from '../../src/protocol/acl.ts';

function rule(index: number): AclBinding {
  return {
    resourceType: 2,
    resourceName: `topic-${index}`,
    patternType: 3,
    principal: 'User:alice "the second"',
    host: '*',
    operation: 3,
    permissionType: 3,
  };
}

describe('access rules in the catalog', () => {
  test('come back from records as they were, in pieces that fit into a frame', () => {
    const bindings = Array.from({ length: 1234 }, (_, index) => rule(index));
    const catalog = Catalog.empty.with([{ kind: 'acls-added', bindings }]);
    const records = catalog.toRecords();
    const pieces = records.flatMap((record) => (record.kind === 'acls-added' ? [record.bindings.length] : []));
    expect(pieces).toEqual([500, 500, 234]);
    const read = decodeRecords(encodeRecords(records));
    if (read.state !== 'good') throw new Error(read.state);
    expect([...Catalog.empty.with(read.records).acls]).toEqual([...catalog.acls]);
  });

  test('the same rule twice is one; taking one away leaves the others', () => {
    const catalog = Catalog.empty.with([{ kind: 'acls-added', bindings: [rule(1), rule(1), rule(2)] }]);
    expect([...catalog.acls.keys()]).toEqual([aclKey(rule(1)), aclKey(rule(2))]);
    const fewer = catalog.with([{ kind: 'acls-removed', bindings: [rule(1), rule(3)] }]);
    expect([...fewer.acls.values()]).toEqual([rule(2)]);
    expect(catalog.acls.size).toBe(2);
  });

  test('other changes leave the map as it is, so that followers see that nothing happened', () => {
    const catalog = Catalog.empty.with([{ kind: 'acls-added', bindings: [rule(1)] }]);
    expect(catalog.with([{ kind: 'producer-ids', next: 7 }]).acls).toBe(catalog.acls);
  });

  test.each([
    [{ ...rule(1), principal: 7 }],
    [{ ...rule(1), operation: 'Read' }],
    [{ ...rule(1), operation: 1.5 }],
    [{ resourceType: 2 }],
    [null],
  ])('a record with %j in it is damaged', (binding) => {
    const bytes = new TextEncoder().encode(JSON.stringify([{ kind: 'acls-added', bindings: [binding] }]));
    expect(decodeRecords(bytes).state).toBe('damaged');
  });
});
