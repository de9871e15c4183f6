/**
 * `npm run bench:recovery`: from exec until every partition has acknowledged a record, with an empty folder, and with so many
 * bytes in it after a clean stop, after kill -9, and where nothing vouches for a byte, as after a cut of the power at worst, so that
 * all logs are scanned: 1 s and 0.3 s for each GiB are the bars of that. The page cache stays as it was left, as it does when a
 * process dies.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchServer } from './load/bench-server.ts';
import { writeProduceFrames } from './load/frames.ts';
import { runLoad } from './load/generator.ts';
import { parseArgs } from './load/options.ts';
import { launchOptions, launchUsage, peerWishOf } from './load/peers.ts';
import { checkoutFolder, compileProgram } from './load/programs.ts';
import { bytesOf } from './load/sizes.ts';
import { kafkaOn, perfbrokerOn, type RestartedBroker } from './recovery/restarted-broker.ts';
import { sayNothing, sayProgress } from './report/bench-report.ts';
import { concludeFigures, type FigureRow } from './report/figure-report.ts';
import { parseTargets, type Targets } from './report/targets.ts';

const usage = `npm run bench:recovery -- [options]
  --sizes LIST          bytes in the folder: 1GB,4GB,12GB
  --partitions N        64
  --targets LIST        empty=500ms,clean=600ms; also killed=… or killed-12GB=…, clean-4GB=…, scanned-1GB=…
  --out FOLDER          bench-results
${launchUsage}`;

const GIBIBYTE = 1_073_741_824;
const BATCH_BYTES = 256 * 1024;
const RECORD_BYTES = 1024;
const FILL_SECONDS_MAX = 580;

interface Settings {
  readonly folder: string;
  readonly sizes: readonly string[];
  readonly partitions: number;
  readonly targets: Targets;
}

class Trial {
  readonly rows: FigureRow[] = [];
  readonly #broker: RestartedBroker;
  readonly #settings: Settings;

  constructor(broker: RestartedBroker, settings: Settings) {
    this.#broker = broker;
    this.#settings = settings;
  }

  async run(): Promise<void> {
    const { partitions, sizes } = this.#settings;
    const topic = await this.#startEmpty();
    let filled = 0;
    for (const size of sizes) {
      await this.#fill(topic, bytesOf(size) - filled);
      filled = bytesOf(size);
      await this.#broker.stop();
      this.#note(`${size}, clean stop`, ['clean', `clean-${size}`], await this.#startMs(topic, partitions));
      await this.#broker.kill();
      this.#note(`${size}, kill -9`, ['killed', `killed-${size}`], await this.#startMs(topic, partitions));
      await this.#broker.kill();
      if (!this.#broker.loseVouchers()) continue;
      this.#note(`${size}, all scanned`, ['scanned', `scanned-${size}`], await this.#startMs(topic, partitions));
    }
  }

  async #startEmpty(): Promise<string> {
    const beginMs = performance.now();
    await this.#broker.start();
    return this.#withServer(async (server) => {
      const first = await server.makeTopic('first', 1);
      await server.touchTopic(first, 1);
      this.#note('empty folder', ['empty'], performance.now() - beginMs);
      const { partitions } = this.#settings;
      const topic = await server.makeTopic('recovery', partitions);
      await server.touchTopic(topic, partitions);
      return topic;
    });
  }

  async #startMs(topic: string, partitions: number): Promise<number> {
    const beginMs = performance.now();
    await this.#broker.start();
    await this.#withServer((server) => server.touchTopic(topic, partitions));
    return performance.now() - beginMs;
  }

  async #fill(topic: string, bytes: number): Promise<void> {
    if (bytes <= 0) return;
    const { partitions, folder } = this.#settings;
    const plan = { topic, partitions, batchBytes: BATCH_BYTES, recordBytes: RECORD_BYTES, codec: 0, acks: -1 };
    const frames = writeProduceFrames(join(folder, 'frames'), plan);
    const [host = '', port = ''] = this.#broker.address.split(':');
    const load = { mode: 'produce', connections: 4, inFlight: 4, requestsPerSecond: 0, warmSeconds: 0 } as const;
    const target = { host, port: Number(port), framesFile: frames.file, seconds: FILL_SECONDS_MAX, bytesMax: bytes };
    const result = await runLoad({ ...target, ...load }, sayProgress(`filling ${this.#broker.name}`));
    sayNothing();
    if (result.errors > 0) throw new Error(`${result.errors} answers carried error ${result.firstError}`);
    if (result.bytes < bytes)
      throw new Error(`only ${result.bytes} of ${bytes} bytes were taken in ${FILL_SECONDS_MAX} s`);
  }

  async #withServer<T>(act: (server: BenchServer) => Promise<T>): Promise<T> {
    const { address, pid } = this.#broker;
    const server = await BenchServer.start({ broker: address, pid, brokerArguments: [] });
    return act(server).finally(() => server.stop());
  }

  #note(work: string, bars: readonly string[], ms: number): void {
    const judged = bars.map((bar) => this.#settings.targets.atMost(bar, ms));
    const { verdict, bar } = judged.findLast((one) => one.bar !== '') ?? { verdict: '–' as const, bar: '' };
    const text = `${(ms / 1000).toFixed(2)} s`;
    this.rows.push({ work, side: this.#broker.name, figure: 'exec to all served', text, value: ms, verdict, bar });
    process.stdout.write(`  ${work}: ${this.#broker.name} ${text}\n`);
  }
}

/** A second, and 0.3 for each GiB. */
function scanBars(sizes: string): string {
  return sizes
    .split(',')
    .map((size) => `scanned-${size}=${Math.ceil(1000 + (300 * bytesOf(size)) / GIBIBYTE)}ms`)
    .join(',');
}

async function main(): Promise<number> {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      ...launchOptions,
      help: { type: 'boolean', short: 'h' },
      sizes: text('1GB,4GB,12GB'),
      partitions: text('64'),
      targets: text('empty=500ms,clean=600ms'),
      out: text(join(checkoutFolder, 'bench-results')),
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  compileProgram('load');
  const wish = peerWishOf(values);
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-frames-'));
  const settings: Settings = {
    folder,
    sizes: values.sizes.split(','),
    partitions: Number(values.partitions),
    targets: parseTargets(`${scanBars(values.sizes)},${values.targets}`),
  };
  const makers = [() => perfbrokerOn(wish.brokerArguments)];
  const { kafka } = wish;
  if (kafka !== null) makers.push(() => kafkaOn(kafka));
  const rows: FigureRow[] = [];
  try {
    for (const make of makers) {
      const broker = await make();
      const trial = new Trial(broker, settings);
      await trial.run().finally(() => broker.dispose());
      rows.push(...trial.rows);
    }
    return concludeFigures(values.out, { name: 'recovery', title: 'perfbroker: starting', settings: values, rows });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
