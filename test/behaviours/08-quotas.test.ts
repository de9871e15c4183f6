/** Client quotas over the wire: whom they may be for, what a filter means, and that they hold. */
import { describe, expect, test } from 'vitest';
import { describeClientQuotas } from '../../src/protocol/schemas/48-describe-client-quotas.ts';
import { alterClientQuotas } from '../../src/protocol/schemas/49-alter-client-quotas.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { restart, startRig } from './behaviour-rig.ts';

type Entity = readonly (readonly [type: string, name: string | null])[];
type Op = readonly [key: string, value: number, remove?: boolean];

function entry(entity: Entity, ops: readonly Op[]) {
  return {
    entity: entity.map(([entityType, entityName]) => ({ entityType, entityName })),
    ops: ops.map(([key, value, remove]) => ({ key, value, remove: remove ?? false })),
  };
}

async function alter(client: SimulatedClient, entity: Entity, ops: readonly Op[], validateOnly = false) {
  const answer = await client.ask(alterClientQuotas, 1, { entries: [entry(entity, ops)], validateOnly });
  return answer.entries[0]?.errorCode;
}

type Part = readonly [type: string, matchType: number, match?: string];

async function find(client: SimulatedClient, parts: readonly Part[], strict = false) {
  const components = parts.map(([entityType, matchType, match]) => ({ entityType, matchType, match: match ?? null }));
  const answer = await client.ask(describeClientQuotas, 1, { components, strict });
  if (answer.entries === null) return answer.errorCode;
  return answer.entries
    .map(({ entity, values }) =>
      [
        ...entity.map(({ entityType, entityName }) => `${entityType}:${entityName ?? '*'}`).sort(),
        ...values.map(({ key, value }) => `${key}=${value}`),
      ].join(' '),
    )
    .sort();
}

const EXACT = 0;
const DEFAULT = 1;
const ANY = 2;

describe('AlterClientQuotas', () => {
  test('has Kafka’s codes for entities and values that cannot be', async () => {
    const { client } = await startRig();
    const rate: Op = ['producer_byte_rate', 10];
    const connections: Op = ['connection_creation_rate', 10];
    const cases: [Entity, Op[], number][] = [
      [[['user', 'alice']], [rate], 0],
      [[['user', null]], [rate], 0],
      [[['ip', '1.2.3.4']], [connections], 0],
      [[['ip', '::1']], [connections], 0],
      [[['ip', null]], [connections], 0],
      [[['ip', 'not an ip!']], [connections], 42],
      [[['ip', '1.2.3.400']], [connections], 42],
      [
        [
          ['ip', '1.2.3.4'],
          ['user', 'a'],
        ],
        [connections],
        42,
      ],
      [[['ip', '1.2.3.4']], [rate], 42],
      [[['user', 'a']], [connections], 42],
      [[['user', 'a']], [['nope', 10]], 42],
      [[['group', 'a']], [rate], 42],
      [[], [rate], 42],
      [[['user', '']], [rate], 42],
      [[['user', 'a']], [['producer_byte_rate', 0]], 42],
      [[['user', 'a']], [['producer_byte_rate', -1]], 42],
      [[['user', 'a']], [['producer_byte_rate', 1.5]], 42],
      [[['user', 'a']], [['producer_byte_rate', 1e30]], 42],
      [[['ip', '1.2.3.4']], [['connection_creation_rate', 1.5]], 42],
      [[['ip', '1.2.3.4']], [['connection_creation_rate', 3e9]], 42],
      [[['user', 'a']], [rate, ['producer_byte_rate', 2]], 42],
      [
        [['user', 'm']],
        [
          ['controller_mutation_rate', 1.5],
          ['request_percentage', 200],
        ],
        0,
      ],
      [[['user', 'nobody']], [['producer_byte_rate', 0, true]], 0],
      [[['user', 'nobody']], [['nope', 0, true]], 0],
      [[['user', 'nobody']], [], 0],
    ];
    for (const [entity, ops, code] of cases) {
      expect([entity, ops, await alter(client, entity, ops)]).toEqual([entity, ops, code]);
    }
  });

  test('changes entities one by one, none with validateOnly, and what it changed holds after a kill', async () => {
    const first = await startRig();
    const answer = await first.client.ask(alterClientQuotas, 0, {
      entries: [
        entry(
          [['user', 'a']],
          [
            ['producer_byte_rate', 1],
            ['consumer_byte_rate', 2],
          ],
        ),
        entry([['group', 'a']], [['producer_byte_rate', 1]]),
        entry([['client-id', 'twice']], [['producer_byte_rate', 1]]),
        entry([['client-id', 'twice']], [['producer_byte_rate', 1]]),
      ],
      validateOnly: false,
    });
    expect(answer.entries.map(({ errorCode }) => errorCode)).toEqual([0, 42, 42]);
    expect(await alter(first.client, [['user', 'b']], [['producer_byte_rate', 1]], true)).toBe(0);
    expect(await alter(first.client, [['user', 'a']], [['producer_byte_rate', 0, true]])).toBe(0);
    const { client } = await restart(first, 'kill');
    expect(await find(client, [])).toEqual(['user:a consumer_byte_rate=2']);
    expect(await alter(client, [['user', 'a']], [['consumer_byte_rate', 0, true]])).toBe(0);
    expect(await find(client, [])).toEqual([]);
  });
});

test('DescribeClientQuotas finds what a filter means, and with strict nothing that has more', async () => {
  const { client } = await startRig();
  const quotas: [Entity, Op][] = [
    [[['user', 'alice']], ['producer_byte_rate', 1]],
    [[['user', null]], ['producer_byte_rate', 2]],
    [
      [
        ['user', 'alice'],
        ['client-id', 'c'],
      ],
      ['producer_byte_rate', 3],
    ],
    [[['client-id', 'c']], ['producer_byte_rate', 4]],
    [[['ip', '1.2.3.4']], ['connection_creation_rate', 5]],
  ];
  for (const [entity, op] of quotas) expect(await alter(client, entity, [op])).toBe(0);
  const alice = 'user:alice producer_byte_rate=1';
  const everybody = 'user:* producer_byte_rate=2';
  const both = 'client-id:c user:alice producer_byte_rate=3';
  const byClient = 'client-id:c producer_byte_rate=4';
  const byAddress = 'ip:1.2.3.4 connection_creation_rate=5';
  expect(await find(client, [])).toEqual([byClient, both, byAddress, everybody, alice].sort());
  expect(await find(client, [], true)).toEqual([]);
  expect(await find(client, [['user', ANY]])).toEqual([both, everybody, alice].sort());
  expect(await find(client, [['user', ANY]], true)).toEqual([everybody, alice].sort());
  expect(await find(client, [['user', EXACT, 'alice']])).toEqual([both, alice].sort());
  expect(await find(client, [['user', DEFAULT]])).toEqual([everybody]);
  expect(
    await find(client, [
      ['client-id', EXACT, 'c'],
      ['user', ANY],
    ]),
  ).toEqual([both]);
  expect(await find(client, [['ip', ANY]])).toEqual([byAddress]);
  expect(
    await find(client, [
      ['ip', ANY],
      ['user', ANY],
    ]),
  ).toBe(42);
  expect(
    await find(client, [
      ['user', ANY],
      ['user', DEFAULT],
    ]),
  ).toBe(42);
  expect(await find(client, [['group', ANY]])).toBe(35);
  expect(await find(client, [['', ANY]])).toBe(42);
  expect(await find(client, [['user', 7]])).toBe(42);
  expect(await find(client, [['user', EXACT]])).toBe(42);
  expect(await find(client, [['user', ANY, 'x']])).toBe(42);
});
