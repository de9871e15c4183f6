import { expect, it } from 'vitest';
import { findKnown, readKnownDifferences } from '../../bench/conformance/known-differences.ts';

const page = `
Some prose, and a table that is none of ours:

| this | that |
|---|---|
| a | b |

| API | versions | field | Kafka | perfbroker | why |
|---|---|---|---|---|---|
| Fetch | 7-12 | topics[].partitions[].errorCode | 3 | 6 | a reason |
| \`*\` | * | outcome | closed | answer * | with \\| a bar |
`;

function difference(field: string, kafka: string, perfbroker: string) {
  return { field, place: field, kafka, perfbroker };
}

it('reads the rows under the heading and no other table', () => {
  const rows = readKnownDifferences(page);
  expect(rows.map(({ api, versions, why }) => [api, versions, why])).toEqual([
    ['Fetch', [7, 12], 'a reason'],
    ['*', [-32768, 32767], 'with | a bar'],
  ]);
});

it('admits what fits a row in API, version, field and both answers', () => {
  const rows = readKnownDifferences(page);
  const field = 'topics[].partitions[].errorCode';
  expect(findKnown(rows, 'any', 'Fetch', 12, difference(field, '3', '6'))?.why).toBe('a reason');
  expect(findKnown(rows, 'any', 'Fetch', 13, difference(field, '3', '6'))).toBeNull();
  expect(findKnown(rows, 'any', 'Produce', 8, difference(field, '3', '6'))).toBeNull();
  expect(findKnown(rows, 'any', 'Fetch', 12, difference(field, '3', '7'))).toBeNull();
  expect(findKnown(rows, 'any', 'Fetch', 12, difference('topics.partitions.errorCode', '3', '6'))).toBeNull();
  expect(findKnown(rows, 'any', 'Anything', 3, difference('outcome', 'closed', 'answer {"errorCode":0}'))?.why).toBe(
    'with | a bar',
  );
});

it('admits a row with a script only there', () => {
  const [row] = readKnownDifferences(page.replace('| Fetch |', '| Fetch in fetch-odd |'));
  const found = difference('topics[].partitions[].errorCode', '3', '6');
  expect(findKnown(row === undefined ? [] : [row], 'fetch-odd-values', 'Fetch', 8, found)).toBe(row);
  expect(findKnown(row === undefined ? [] : [row], 'generated-7', 'Fetch', 8, found)).toBeNull();
});

it('refuses a row without a reason', () => {
  expect(() => readKnownDifferences(`${page}| Fetch | 1 | a | b | c | |\n`)).toThrow('is no row');
});

it('can read the page of this project', () => {
  for (const row of readKnownDifferences()) expect(row.why.length).toBeGreaterThan(0);
});
