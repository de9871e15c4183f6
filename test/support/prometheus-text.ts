/**
 * A strict reader of Prometheus' text format, for tests: what Prometheus would refuse or misread is an error here. Families
 * must hang together, have HELP and TYPE before their samples, no sample twice, and histograms must add up.
 */
export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)/y;
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?)|\+Inf|-Inf|NaN)$/;
const SUFFIXES = ['_bucket', '_sum', '_count'];

export function readPrometheusText(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let help: readonly [string, string] | null = null;
  let current: Family | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const [mark, kind, name = ''] = line.split(' ', 3);
    if (mark === '#' && kind === 'HELP') help = [name, line.slice(`# HELP ${name} `.length)];
    else if (mark === '#' && kind === 'TYPE') {
      if (help?.[0] !== name || !NAME.test(name)) throw new Error(`TYPE without its HELP: ${line}`);
      if (families.has(name)) throw new Error(`a family begins twice: ${name}`);
      current = { name, type: line.slice(`# TYPE ${name} `.length), help: help[1], samples: [] };
      families.set(name, current);
    } else {
      if (current === null) throw new Error(`a sample before any family: ${line}`);
      const sample = readSample(line);
      if (!belongs(current, sample.name)) throw new Error(`a sample of ${sample.name} among those of ${current.name}`);
      const key = `${sample.name} ${JSON.stringify([...sample.labels].sort())}`;
      if (seen.has(key)) throw new Error(`a sample twice: ${line}`);
      seen.add(key);
      current.samples.push(sample);
    }
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

/** The value of the one sample that has these labels (and maybe others); null: there is none. */
export function sampleOf(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | null {
  const family = families.get(
    SUFFIXES.reduce((base, suffix) => (families.has(base) ? base : name.replace(suffix, '')), name),
  );
  const found = family?.samples.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels.get(key) === value),
  );
  if (found !== undefined && found.length > 1) throw new Error(`${name} has several samples with these labels`);
  return found?.[0]?.value ?? null;
}

function readSample(line: string): Sample {
  const found = SAMPLE.exec(line);
  if (found === null) throw new Error(`no sample: ${line}`);
  const [, name = '', labelText, number = ''] = found;
  if (!NUMBER.test(number)) throw new Error(`no number: ${line}`);
  const labels = new Map<string, string>();
  if (labelText !== undefined) {
    LABEL.lastIndex = 0;
    while (LABEL.lastIndex < labelText.length) {
      const label = LABEL.exec(labelText);
      if (label === null) throw new Error(`no labels: ${line}`);
      const [, key = '', value = ''] = label;
      if (labels.has(key)) throw new Error(`a label twice: ${line}`);
      labels.set(
        key,
        value.replace(/\\(.)/g, (_, what: string) => (what === 'n' ? '\n' : what)),
      );
    }
  }
  return { name, labels, value: number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number) };
}

function belongs(family: Family, sample: string): boolean {
  if (family.type !== 'histogram') return sample === family.name;
  return SUFFIXES.some((suffix) => sample === `${family.name}${suffix}`);
}

function checkFamily(family: Family): void {
  const { name, type, samples } = family;
  if (!['counter', 'gauge', 'histogram'].includes(type)) throw new Error(`${name} is of no type: ${type}`);
  if (type === 'counter' && !name.endsWith('_total')) throw new Error(`the counter ${name} does not end in _total`);
  if (type !== 'gauge' && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name} is negative`);
  if (type === 'histogram') checkHistogram(family);
}

function checkHistogram({ name, samples }: Family): void {
  const series = new Map<string, { bounds: number[]; counts: number[]; count: number; sum: number }>();
  for (const { name: of, labels, value } of samples) {
    const key = JSON.stringify([...labels].filter(([label]) => label !== 'le'));
    const one = series.get(key) ?? { bounds: [], counts: [], count: -1, sum: -1 };
    series.set(key, one);
    const le = labels.get('le');
    if (of === `${name}_count`) one.count = value;
    else if (of === `${name}_sum`) one.sum = value;
    else {
      one.bounds.push(le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le));
      one.counts.push(value);
    }
  }
  for (const [key, { bounds, counts, count, sum }] of series) {
    const isRising = (numbers: number[]): boolean =>
      numbers.every((one, index) => index === 0 || one >= (numbers[index - 1] ?? 0));
    if (!isRising(bounds) || !isRising(counts)) throw new Error(`buckets of ${name}${key} fall`);
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name}${key} has no last bucket`);
    if (counts.at(-1) !== count || sum < 0) throw new Error(`${name}${key} does not add up`);
  }
}
