/**
 * `npm run bench:compare`: perfbroker beside Apache Kafka and the limit programs, in turns within one run and under the same
 * generator, held against the bars of docs/performance.md. Exits with 1 when a bar that must be met is missed. `--quick` is a
 * first look, not a verdict.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BrokerSide } from './compare/broker-side.ts';
import { type ContestSettings, type PlayedPair, runContest, type Sides } from './compare/contest.ts';
import { kafkaLaunch, kafkaVersion, startKafka } from './compare/kafka-peer.ts';
import { LimitSide } from './compare/limit-side.ts';
import { type RowResult, rowResult, selfCheckComplaints } from './compare/row-result.ts';
import { type Row, rows, rowsNamed } from './compare/rows.ts';
import { barTableOf, complaintLines, tableOf } from './compare/table.ts';
import { BenchServer } from './load/bench-server.ts';
import { checkoutFolder, compileProgram } from './load/programs.ts';

const usage = `npm run bench:compare -- [options]
  --rows LIST         ${rows.map((row) => row.id).join(',')}
  --pairs N           how many pairs free of noise each row needs; 5
  --kafka DIR         an unpacked release of Apache Kafka; without it the jars come from Maven Central
  --self-check        Apache Kafka beside Apache Kafka: shows what the harness cannot tell apart
  --keep-noisy        pairs taken under noise count as well
  --quick             fewer, shorter turns, less warming: a first look, not a verdict
  --broker-args TEXT  handed to perfbroker, which has its defaults otherwise
  --out FOLDER        bench-results: all figures of all turns as JSON
`;

interface Settings {
  readonly rows: readonly Row[];
  readonly pairs: number;
  readonly kafkaFolder: string | null;
  readonly isSelfCheck: boolean;
  readonly keepsNoisy: boolean;
  readonly isQuick: boolean;
  readonly brokerArguments: readonly string[];
  readonly out: string;
}

interface PlayedRow {
  readonly result: RowResult;
  readonly played: readonly PlayedPair[];
}

const PAIRS = 5;
const PAIRS_QUICK = 2;
const SELF_CHECK_TOLERANCE = 0.15;
const SELF_CHECK_ROW = 'produce-64k';

function readSettings(): Settings | null {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      rows: { type: 'string' },
      pairs: { type: 'string' },
      kafka: { type: 'string' },
      'self-check': { type: 'boolean', default: false },
      'keep-noisy': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      'broker-args': { type: 'string', default: '' },
      out: { type: 'string', default: join(checkoutFolder, 'bench-results') },
    },
  });
  if (values.help === true) return null;
  const isSelfCheck = values['self-check'];
  const ids = rows.map((row) => row.id);
  const wanted = rowsNamed(values.rows?.split(',') ?? (isSelfCheck ? [SELF_CHECK_ROW] : ids), ids);
  const pairs = Number(values.pairs ?? (values.quick ? PAIRS_QUICK : PAIRS));
  if (!Number.isInteger(pairs) || pairs < 1) throw new Error('--pairs takes a number of pairs, at least 1');
  return {
    rows: rows.filter((row) => wanted.has(row.id)),
    pairs,
    kafkaFolder: values.kafka ?? null,
    isSelfCheck,
    keepsNoisy: values['keep-noisy'],
    isQuick: values.quick,
    brokerArguments: values['broker-args'].split(' ').filter((word) => word !== ''),
    out: values.out,
  };
}

async function playRows(settings: Settings, sides: Sides, contest: ContestSettings): Promise<PlayedRow[]> {
  const done: PlayedRow[] = [];
  for (const row of settings.rows) {
    contest.say(row.title);
    const alike: Row = settings.isSelfCheck ? { ...row, sides: ['perfbroker', 'kafka'], bars: [] } : row;
    const played = await runContest(alike, sides, contest);
    const result = rowResult(alike, played, settings.pairs, settings.keepsNoisy);
    const complaints = settings.isSelfCheck ? selfCheckComplaints(result, SELF_CHECK_TOLERANCE) : [];
    const judged = { ...result, complaints: [...result.complaints, ...complaints] };
    done.push({ result: { ...judged, isMet: judged.isMet && complaints.length === 0 }, played });
  }
  return done;
}

/** In a self-check a second Apache Kafka stands where perfbroker stands otherwise. */
async function play(settings: Settings, folder: string, version: string): Promise<PlayedRow[]> {
  const launch = kafkaLaunch(settings.kafkaFolder);
  const kafka = await startKafka(launch);
  const other = settings.isSelfCheck ? await startKafka(launch) : null;
  const asServer = ({ address, pid }: { address: string; pid: number }) =>
    BenchServer.start({ broker: address, pid, brokerArguments: [] });
  const { brokerArguments } = settings;
  const ours = await (other === null ? BenchServer.start({ broker: null, pid: 0, brokerArguments }) : asServer(other));
  const theirs = await asServer(kafka);
  try {
    const [oursFolder = '', theirsFolder = '', limitFolder = ''] = ['ours', 'kafka', 'limit'].map((name) => {
      mkdirSync(join(folder, name));
      return join(folder, name);
    });
    const sides: Sides = {
      perfbroker: new BrokerSide(ours, oursFolder),
      kafka: new BrokerSide(theirs, theirsFolder),
      limit: new LimitSide(limitFolder, join(oursFolder, 'frames')),
    };
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    say(
      `Apache Kafka ${version} and ${settings.isSelfCheck ? 'another one' : 'perfbroker'} run side by side; one at a time is loaded`,
    );
    return await playRows(settings, sides, { ...settings, folder, say });
  } finally {
    await ours.stop();
    await theirs.stop();
    await Promise.all([kafka.dispose(), other?.dispose()]);
  }
}

function machine(): Readonly<Record<string, string | number>> {
  const cores = cpus();
  return {
    processor: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
  };
}

async function main(): Promise<number> {
  const settings = readSettings();
  if (settings === null) {
    process.stdout.write(usage);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-compare-'));
  try {
    for (const name of ['load', 'relay', 'sink', 'source'] as const) compileProgram(name);
    const version = kafkaVersion(kafkaLaunch(settings.kafkaFolder));
    const done = await play(settings, folder, version);
    const results = done.map(({ result }) => result);
    process.stdout.write(`${tableOf(results, version)}\n${barTableOf(results)}\n${complaintLines(results)}`);
    mkdirSync(settings.out, { recursive: true });
    const file = join(settings.out, `compare-${new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 19)}.json`);
    writeFileSync(file, `${JSON.stringify({ machine: machine(), kafka: version, settings, rows: done }, null, 1)}\n`);
    process.stdout.write(
      `written: ${file}${settings.isQuick ? ' (a quick look: repeat without --quick before believing it)' : ''}\n`,
    );
    return results.every((result) => result.isMet) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
