/**
 * A read-process-write loop under kill -9 of the broker: Kafka's Java client reads numbered records from one topic and writes
 * each to another, with the offsets read in the same transaction, while the broker dies at random moments and starts again
 * on the same folder. In the end every input stands in the output exactly once, as a reader of committed records sees it.
 *
 * PERFBROKER_EXACTLY_ONCE_CYCLES (10; `npm run nightly:exactly-once` makes it 100) and PERFBROKER_CRASH_SEED steer it.
 * What dies between which two writes is looked at one by one in transaction-steps.test.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { BrokerProcess, freePort, projectRoot } from '../clients/broker-process.ts';
import { describeInstalled } from '../clients/foreign-client.ts';
import { javaArguments, javaFolder } from '../clients/kafka-process.ts';
import { Prng } from '../support/prng.ts';

const CYCLES = Number(process.env['PERFBROKER_EXACTLY_ONCE_CYCLES'] ?? 10);
const SEED = Number(process.env['PERFBROKER_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const PARTITIONS = 3;
const INPUTS_PER_CYCLE = 3000;
/** The broker lives so long after the first transaction that it saw through. */
const LOAD_MS_MAX = 600;
const COMMIT_MS_MAX = 60_000;
const MS_MAX = 180_000 + CYCLES * 20_000;

/** The Java program, its complaints kept for an explanation. */
class Loop {
  readonly #child: ChildProcess;
  #said = '';
  #complaints = '';

  constructor(bootstrap: string) {
    const program = join(projectRoot, 'test', 'crash', 'java', 'ExactlyOnce.java');
    const settings = [...javaArguments, program, bootstrap, 'input', 'output', 'loop'];
    this.#child = spawn('java', settings, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#complaints = (this.#complaints + chunk.toString()).slice(-8000);
    });
  }

  /** Transactions that the loop saw committed. */
  get commits(): number {
    return this.#said.split('\n').filter((line) => line.startsWith('committed')).length;
  }

  async untilCommits(count: number): Promise<void> {
    const deadlineMs = performance.now() + COMMIT_MS_MAX;
    while (this.commits < count) {
      if (performance.now() > deadlineMs) throw new Error(`the loop stands still at ${this.commits} transactions`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  get complaints(): string {
    return this.#complaints;
  }

  /** Resolves with what it counted. */
  async finish(inputs: number): Promise<unknown> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.write(`finish ${inputs}\n`);
    // What was fed while brokers died may take minutes where processors are shared; what stands still does not finish.
    let commits = -1;
    const timer = setInterval(() => {
      if (this.commits === commits) this.#child.kill('SIGKILL');
      commits = this.commits;
    }, COMMIT_MS_MAX);
    await ended;
    clearInterval(timer);
    const line = this.#said.trim().split('\n').at(-1) ?? '';
    if (!line.startsWith('{')) throw new Error(`the loop did not finish; the last it said is "${line}"`);
    return JSON.parse(line);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

async function feed(producer: Producer, from: number): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const records = [];
    for (let id = from + partition; id < from + INPUTS_PER_CYCLE; id += PARTITIONS) {
      records.push({ key: Buffer.from(String(id)), value: Buffer.from(String(id)), timestamp: Date.now() });
    }
    await producer.send('input', partition, records);
  }
}

describeInstalled('a read-process-write loop', [join(javaFolder, 'lib')], () => {
  it(
    `processes every record exactly once through ${CYCLES} kills of the broker`,
    async () => {
      process.stdout.write(`exactly once: ${CYCLES} cycles, PERFBROKER_CRASH_SEED=${SEED}\n`);
      const random = new Prng(SEED);
      const dataFolder = mkdtempSync(join(tmpdir(), 'perfbroker-exactly-once-'));
      const port = await freePort();
      const options = { port, dataFolder, arguments: ['--workers', '2'] };
      let broker = await BrokerProcess.start(options);
      const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
      const producer = new Producer(cluster, { isIdempotent: true });
      const loop = new Loop(broker.address);
      let inputs = 0;
      try {
        for (const name of ['input', 'output']) {
          await new Admin(cluster).createTopic({ name, partitions: PARTITIONS, replicationFactor: 1 });
        }
        for (let cycle = 0; cycle < CYCLES; cycle++) {
          await feed(producer, inputs);
          inputs += INPUTS_PER_CYCLE;
          await loop.untilCommits(loop.commits + 1);
          await new Promise((resolve) => setTimeout(resolve, random.nextInt(LOAD_MS_MAX)));
          await broker.kill();
          broker = await BrokerProcess.start(options);
        }
        const counted = await loop.finish(inputs);
        process.stdout.write(`exactly once: ${JSON.stringify(counted)}\n`);
        expect(counted).toMatchObject({ inputs, missing: 0, doubled: 0, strangers: 0 });
      } catch (cause) {
        const said = `the loop said:\n${loop.complaints.slice(-3000)}\nthe broker said:\n${broker.output.slice(-3000)}`;
        throw new Error(`failed with seed ${SEED}; ${said}`, { cause });
      } finally {
        loop.kill();
        await cluster.close();
        await broker.kill();
        rmSync(dataFolder, { recursive: true, force: true });
      }
    },
    MS_MAX,
  );
});
