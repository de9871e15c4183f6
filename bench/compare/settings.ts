/** The command line of `npm run bench:compare`, read once. */
import { join } from 'node:path';
import { parseArgs } from '../load/options.ts';
import { checkoutFolder } from '../load/programs.ts';
import { bytesOf } from '../load/sizes.ts';
import { type Measure, type MeasureId, measures } from './measures.ts';
import { type Row, rows, rowsNamed } from './rows.ts';

export interface Settings {
  readonly rows: readonly Row[];
  readonly measures: ReadonlySet<MeasureId>;
  readonly pairs: number;
  readonly kafkaFolder: string | null;
  readonly isSelfCheck: boolean;
  readonly keepsNoisy: boolean;
  readonly isQuick: boolean;
  readonly filledBytes: number;
  readonly recoveryBytes: number;
  readonly recoveryRounds: number;
  readonly brokerArguments: readonly string[];
  readonly out: string;
}

const PAIRS = 5;
const PAIRS_QUICK = 2;
const RECOVERY_ROUNDS_MAX = 3;
const SELF_CHECK_ROW = 'produce-64k';

export const usage = `npm run bench:compare -- [options]
  --rows LIST           loads: ${rows.map((row) => row.id).join(',')}
                        others: ${measures.map((measure) => measure.id).join(',')}
  --pairs N             how many pairs free of noise each row needs; 5
  --kafka DIR           an unpacked release of Apache Kafka; without it the jars come from Maven Central
  --self-check          Apache Kafka beside Apache Kafka: shows what the harness cannot tell apart
  --keep-noisy          pairs taken under noise count as well
  --quick               fewer, shorter turns, less warming and data: a first look, not a verdict
  --filled-bytes SIZE   on disk for start-filled; 4GiB
  --recovery-bytes SIZE on disk for recovery; 12GB
  --broker-args TEXT    handed to perfbroker, which has its defaults otherwise
  --out FOLDER          bench-results: all figures of all turns as JSON
`;

/** Null when help is asked for. */
export function readSettings(words: readonly string[]): Settings | null {
  const { values } = parseArgs({
    args: [...words],
    options: {
      help: { type: 'boolean', short: 'h' },
      rows: { type: 'string' },
      pairs: { type: 'string' },
      kafka: { type: 'string' },
      'self-check': { type: 'boolean', default: false },
      'keep-noisy': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      'filled-bytes': { type: 'string' },
      'recovery-bytes': { type: 'string' },
      'broker-args': { type: 'string', default: '' },
      out: { type: 'string', default: join(checkoutFolder, 'bench-results') },
    },
  });
  if (values.help === true) return null;
  const { quick: isQuick, 'self-check': isSelfCheck } = values;
  const pairs = Number(values.pairs ?? (isQuick ? PAIRS_QUICK : PAIRS));
  if (!Number.isInteger(pairs) || pairs < 1) throw new Error('--pairs takes a number of pairs, at least 1');
  return {
    ...wantedOf(values.rows, isSelfCheck),
    pairs,
    kafkaFolder: values.kafka ?? null,
    isSelfCheck,
    keepsNoisy: values['keep-noisy'],
    isQuick,
    filledBytes: bytesOf(values['filled-bytes'] ?? (isQuick ? '500MB' : '4GiB')),
    recoveryBytes: bytesOf(values['recovery-bytes'] ?? (isQuick ? '1GB' : '12GB')),
    recoveryRounds: isQuick ? 1 : Math.min(pairs, RECOVERY_ROUNDS_MAX),
    brokerArguments: values['broker-args'].split(' ').filter((word) => word !== ''),
    out: values.out,
  };
}

/** Everything, unless rows are named. A self-check knows loads only. */
function wantedOf(list: string | undefined, isSelfCheck: boolean): Pick<Settings, 'rows' | 'measures'> {
  const loads = rows.map((row) => row.id);
  const others = isSelfCheck ? [] : measures.map((measure: Measure) => measure.id);
  const all = [...loads, ...others];
  const wanted = rowsNamed(list?.split(',') ?? (isSelfCheck ? [SELF_CHECK_ROW] : all), all);
  return { rows: rows.filter((row) => wanted.has(row.id)), measures: new Set(others.filter((id) => wanted.has(id))) };
}
