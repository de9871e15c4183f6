import { describe, expect, it } from 'vitest';
import { compareOutcomes } from '../../bench/conformance/difference.ts';
import type { Exchange } from '../../bench/conformance/exchange.ts';
import { buildBatch } from '../../bench/conformance/generated/batches.ts';
import { NormalForm, ownPart } from '../../bench/conformance/normal-form.ts';

function exchange(api: string, body: unknown, request: unknown = {}): Exchange {
  return { index: 0, api, version: 1, connection: 'a', request, note: '', outcome: { kind: 'answer', body } };
}

/** Fields in which two sequences of answers differ. */
function different(kafka: readonly Exchange[], perfbroker: readonly Exchange[]): string[] {
  const [one, other] = [new NormalForm('p-'), new NormalForm('p-')];
  return kafka.flatMap((left, index) => {
    const right = perfbroker[index];
    if (right === undefined) return ['missing'];
    return compareOutcomes(one.outcomeOf(left), other.outcomeOf(right)).map(({ place }) => place);
  });
}

describe('ids made by chance', () => {
  const answer = (...ids: string[]) => exchange('CreateTopics', { topics: ids.map((topicId) => ({ topicId })) });

  it('are equal when they are new in the same places', () => {
    expect(different([answer('a', 'b')], [answer('x', 'y')])).toEqual([]);
  });

  it('differ when one broker gives the same id twice', () => {
    expect(different([answer('a', 'b')], [answer('x', 'x')])).toEqual(['topics[1].topicId']);
  });

  it('differ when a later answer names another one', () => {
    expect(different([answer('a', 'b'), answer('a')], [answer('x', 'y'), answer('y')])).toEqual(['topics[0].topicId']);
  });

  it('differ when one broker has none', () => {
    expect(different([answer('a')], [answer('AAAAAAAAAAAAAAAAAAAAAA')])).toEqual(['topics[0].topicId']);
  });
});

it('compares error codes, offsets and names as they are', () => {
  const answer = (errorCode: number, offset: number, name: string) =>
    exchange('ListOffsets', { topics: [{ name, partitions: [{ errorCode, offset, timestamp: 7 }] }] });
  expect(different([answer(0, 1, 'p-a')], [answer(0, 1, 'p-a')])).toEqual([]);
  expect(different([answer(0, 1, 'p-a')], [answer(3, 2, 'p-b')])).toEqual([
    'topics[0].name',
    'topics[0].partitions[0].errorCode',
    'topics[0].partitions[0].offset',
  ]);
});

it('tells a missing message from a text, and no text from another', () => {
  const answer = (errorMessage: string | null) => exchange('CreateTopics', { errorMessage });
  expect(different([answer('one')], [answer('two')])).toEqual([]);
  expect(different([answer(null)], [answer('two')])).toEqual(['errorMessage']);
  expect(different([answer('')], [answer(null)])).toEqual(['errorMessage']);
});

it('leaves out topics of other sessions, unless the request names them', () => {
  const answer = (names: readonly string[], request: unknown) =>
    exchange('Metadata', { topics: names.map((name) => ({ name })) }, request);
  expect(different([answer(['q-other', 'p-own'], {})], [answer(['p-own'], {})])).toEqual([]);
  expect(different([answer(['a b', 'p-own'], ['a b'])], [answer(['p-own'], ['a b'])])).toEqual(['topics']);
});

it('compares the settings of topics, not those of brokers', () => {
  const answer = (resourceType: number, value: string) =>
    exchange('DescribeConfigs', { results: [{ resourceType, resourceName: '1', configs: [{ name: 'a', value }] }] });
  expect(different([answer(4, 'x')], [answer(4, 'y')])).toEqual([]);
  expect(different([answer(2, 'x')], [answer(2, 'y')])).toEqual(['results[0].configs[a].value']);
});

it('notices a setting more or less by its name', () => {
  const answer = (...names: string[]) => exchange('CreateTopics', { configs: names.map((name) => ({ name })) });
  expect(different([answer('a', 'b')], [answer('b', 'c')])).toEqual(['configs[a]', 'configs[c]']);
});

describe('record batches', () => {
  const template = {
    codec: 0,
    count: 2,
    valueBytes: 10,
    hasKeys: true,
    dayShift: 0,
    flaw: 'none',
    producerId: 5,
    producerEpoch: 0,
    baseSequence: 0,
    isTransactional: false,
  } as const;
  const answer = (records: Uint8Array) => exchange('Fetch', { topics: [{ partitions: [{ records }] }] });
  const plain = buildBatch(template, (value) => value);

  it('are equal whatever the producer id and the codec’s own bytes', () => {
    const other = buildBatch({ ...template, producerId: 9 }, (value) => value);
    expect(different([answer(plain)], [answer(other)])).toEqual([]);
  });

  it('differ in attributes, offsets and payload', () => {
    const gzip = buildBatch({ ...template, codec: 1 }, (value) => value);
    expect(different([answer(plain)], [answer(gzip)])).toEqual(['topics[0].partitions[0].records[0].attributes']);
    const longer = buildBatch({ ...template, valueBytes: 11 }, (value) => value);
    expect(different([answer(plain)], [answer(longer)])).toEqual(['topics[0].partitions[0].records[0].payload']);
    const moved = Uint8Array.from(plain);
    moved[7] = 3;
    expect(different([answer(plain)], [answer(moved)])).toEqual(['topics[0].partitions[0].records[0].baseOffset']);
  });
});

it('takes an answer, a closed connection and silence for three different things', () => {
  const closed: Exchange = { ...exchange('Fetch', {}), outcome: { kind: 'closed' } };
  const silent: Exchange = { ...exchange('Fetch', {}), outcome: { kind: 'silent' } };
  expect(different([closed], [silent])).toEqual(['outcome']);
  expect(different([exchange('Fetch', {})], [closed])).toEqual(['outcome']);
  expect(different([silent], [silent])).toEqual([]);
});

it('gives a session to learn from only what is its own, or what it asked for', () => {
  const topics = ['p-a', 'q-b', '__internal'].map((name) => ({ name, topicId: `id of ${name}` }));
  const namesFor = (request: unknown) => {
    const part = ownPart('Metadata', 'p-', request, { throttleTimeMs: 0, topics });
    return JSON.stringify(part);
  };
  expect(namesFor({ topics: null })).toBe(JSON.stringify({ throttleTimeMs: 0, topics: [topics[0]] }));
  expect(namesFor({ topics: [{ name: '__internal' }] })).toContain('id of __internal');
});

it('puts together what a Fetch answer says of one topic in several places', () => {
  const topic = (name: string, ...partitions: number[]) => ({
    name,
    partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
  });
  const answer = (...topics: unknown[]) => exchange('Fetch', { topics });
  expect(
    different(
      [answer(topic('p-a', 0), topic('p-b', 0), topic('p-a', 1))],
      [answer(topic('p-b', 0), topic('p-a', 1, 0))],
    ),
  ).toEqual([]);
  expect(different([answer(topic('p-a', 0), topic('p-a', 1))], [answer(topic('p-a', 0))])).toEqual([
    'topics[0].partitions',
  ]);
});
