/**
 * `npm run bench:compare`: perfbroker beside Apache Kafka and the limit programs, in turns within one run and under the same
 * generator, held against bars. Exits with 1 when a bar that must be met is missed. How and why: docs/performance.md.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { kafkaLaunch, kafkaVersion } from './compare/kafka-peer.ts';
import { type PlayedLoads, playLoads } from './compare/loads.ts';
import { type MeasureId, type MeasureResult, measures } from './compare/measures.ts';
import { type ComparedMachine, writePictures } from './compare/pictures.ts';
import { sideWords } from './compare/rows.ts';
import { readSettings, type Settings, usage } from './compare/settings.ts';
import { timeStart } from './compare/starts.ts';
import { barTableOf, complaintLines, tableOf } from './compare/table.ts';
import { compileProgram } from './load/programs.ts';

const starts: readonly MeasureId[] = ['start-empty', 'start-filled', 'recovery'];
let isInterrupted = false;

/** Where a run is given up when someone asks for it: between two steps, so that servers are stopped and folders removed. */
function say(line: string): void {
  if (isInterrupted) throw new Error('interrupted');
  process.stderr.write(`${line}\n`);
}

async function play(settings: Settings, folder: string): Promise<PlayedLoads> {
  const launch = kafkaLaunch(settings.kafkaFolder);
  const isLoading = settings.rows.length > 0 || settings.measures.has('memory-idle');
  const loads = isLoading ? await playLoads(settings, launch, folder, say) : { rows: [], memory: [] };
  const timed: MeasureResult[] = [];
  for (const measure of measures) {
    if (!starts.includes(measure.id) || !settings.measures.has(measure.id)) continue;
    say(measure.title);
    timed.push(await timeStart(measure.id, { ...settings, rounds: settings.pairs, folder, launch, say }));
  }
  return { rows: loads.rows, memory: [...loads.memory, ...timed] };
}

function machine(): ComparedMachine {
  const cores = cpus();
  return {
    processor: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
  };
}

/** Returns whether everything that must be met was. */
function report(settings: Settings, version: string, played: PlayedLoads): boolean {
  const results = played.rows.map(({ result }) => result);
  const words = { ...sideWords(settings.isSelfCheck), kafka: `Apache Kafka ${version}` };
  process.stdout.write(`${tableOf(results, played.memory, words)}\n${barTableOf(results, played.memory)}\n`);
  process.stdout.write(complaintLines([...results, ...played.memory]));
  mkdirSync(settings.out, { recursive: true });
  const file = join(settings.out, `compare-${new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 19)}.json`);
  const { measures: wanted, ...rest } = settings;
  const told = { ...rest, measures: [...wanted] };
  const date = new Date().toISOString().slice(0, 10);
  const written = { date, machine: machine(), kafka: version, settings: told, ...played };
  writeFileSync(file, `${JSON.stringify(written, null, 1)}\n`);
  if (!settings.isSelfCheck) writePictures(settings.out, written, `${basename(file, '.json')}-`);
  const advice = settings.isQuick ? ' (a quick look: repeat without --quick before believing it)' : '';
  process.stdout.write(`written: ${file}${advice}\n`);
  return [...results, ...played.memory].every((result) => result.isMet);
}

async function main(): Promise<number> {
  const settings = readSettings(process.argv.slice(2));
  if (settings === null) {
    process.stdout.write(usage);
    return 0;
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      isInterrupted = true;
    });
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-compare-'));
  try {
    for (const name of ['load', 'relay', 'sink', 'source'] as const) compileProgram(name);
    const version = kafkaVersion(kafkaLaunch(settings.kafkaFolder));
    return report(settings, version, await play(settings, folder)) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
