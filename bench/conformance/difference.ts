/** Compares two normal forms field by field. Knows nothing about what is allowed to differ. */
import type { Outcome } from './exchange.ts';

export interface FieldDifference {
  /** Where in the answer, with `[]` for entries: what rules are written for. */
  readonly field: string;
  /** The same with the numbers of entries, for people. */
  readonly place: string;
  readonly kafka: string;
  readonly perfbroker: string;
}

const SHOWN_CHARACTERS_MAX = 300;
/** Lists that are read by name: an entry more or less is one difference, not a shift of all that follow. */
const keyedLists: readonly { readonly list: RegExp; readonly by: string }[] = [
  { list: /(?:^|\.)(?:configs|synonyms|supportedFeatures|finalizedFeatures)$/, by: 'name' },
  { list: /^apiKeys$/, by: 'apiKey' },
];

export function compareOutcomes(kafka: Outcome, perfbroker: Outcome): FieldDifference[] {
  if (kafka.kind !== 'answer' || perfbroker.kind !== 'answer') {
    if (kafka.kind === perfbroker.kind) return [];
    return [{ field: 'outcome', place: 'outcome', kafka: outcomeText(kafka), perfbroker: outcomeText(perfbroker) }];
  }
  const found: FieldDifference[] = [];
  compareValues('', '', kafka.body, perfbroker.body, found);
  return found;
}

function outcomeText(outcome: Outcome): string {
  return outcome.kind === 'answer' ? `answer ${shown(outcome.body)}` : outcome.kind;
}

function compareValues(field: string, place: string, kafka: unknown, ours: unknown, found: FieldDifference[]): void {
  if (Array.isArray(kafka) && Array.isArray(ours)) {
    const keyed = keyedLists.find(({ list }) => list.test(field));
    if (keyed !== undefined) compareKeyed(keyed.by, field, place, kafka, ours, found);
    else compareLists(field, place, kafka, ours, found);
  } else if (isObject(kafka) && isObject(ours)) {
    for (const name of new Set([...Object.keys(kafka), ...Object.keys(ours)])) {
      const inner = (outer: string) => (outer === '' ? name : `${outer}.${name}`);
      compareValues(inner(field), inner(place), kafka[name], ours[name], found);
    }
  } else if (!Object.is(kafka, ours)) {
    found.push({ field, place, kafka: shown(kafka), perfbroker: shown(ours) });
  }
}

function compareLists(
  field: string,
  place: string,
  kafka: readonly unknown[],
  ours: readonly unknown[],
  found: FieldDifference[],
): void {
  if (kafka.length === ours.length) {
    for (const [index, one] of kafka.entries()) {
      compareValues(`${field}[]`, `${place}[${index}]`, one, ours[index], found);
    }
    return;
  }
  const onlyKafka = kafka.filter((one) => !ours.some((other) => isSame(one, other)));
  const onlyOurs = ours.filter((one) => !kafka.some((other) => isSame(one, other)));
  const sides = {
    kafka: `${kafka.length} entries, only here: ${shown(onlyKafka)}`,
    perfbroker: `${ours.length} entries, only here: ${shown(onlyOurs)}`,
  };
  found.push({ field: `${field}.length`, place, ...sides });
}

function compareKeyed(
  by: string,
  field: string,
  place: string,
  kafka: readonly unknown[],
  ours: readonly unknown[],
  found: FieldDifference[],
): void {
  const byKey = (list: readonly unknown[]) => new Map(list.map((one) => [isObject(one) ? String(one[by]) : '', one]));
  const [left, right] = [byKey(kafka), byKey(ours)];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const inner = [`${field}[${key}]`, `${place}[${key}]`] as const;
    const [one, other] = [left.get(key), right.get(key)];
    if (one !== undefined && other !== undefined) compareValues(inner[0], inner[1], one, other, found);
    else found.push({ field: inner[0], place: inner[1], kafka: presence(one), perfbroker: presence(other) });
  }
}

function presence(entry: unknown): string {
  return entry === undefined ? 'absent' : shown(entry);
}

function isSame(one: unknown, other: unknown): boolean {
  const found: FieldDifference[] = [];
  compareValues('', '', one, other, found);
  return found.length === 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function shown(value: unknown): string {
  const text = JSON.stringify(value, (_name, inner: unknown) =>
    inner instanceof Uint8Array
      ? `<${inner.length} bytes ${Buffer.from(inner.subarray(0, 24)).toString('hex')}>`
      : inner,
  );
  if (text === undefined) return 'nothing';
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX)}…`;
}
