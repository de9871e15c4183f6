/**
 * Apache Kafka's own command line tools, run one after the other in one JVM (`java/Tools.java`), because starting a JVM for
 * each costs more than what it does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { briefJvm, javaClassPath } from './kafka-process.ts';

export interface ToolAnswer {
  readonly code: number;
  readonly printed: string;
  readonly complained: string;
}

const tools = {
  topics: 'org.apache.kafka.tools.TopicCommand',
  acls: 'org.apache.kafka.tools.AclCommand',
  configs: 'kafka.admin.ConfigCommand',
  'console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'share-groups': 'org.apache.kafka.tools.consumer.group.ShareGroupCommand',
  'get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'log-dirs': 'org.apache.kafka.tools.LogDirsCommand',
  transactions: 'org.apache.kafka.tools.TransactionsCommand',
  'broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  'producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
  'leader-election': 'org.apache.kafka.tools.LeaderElectionCommand',
  'reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  groups: 'org.apache.kafka.tools.GroupsCommand',
} as const;
export type ToolName = keyof typeof tools;

export class ToolRunner {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#child = spawn('java', ['-Xmx384m', ...briefJvm, '-cp', javaClassPath, 'Tools'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('the tools have no output');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async run(tool: ToolName, parameters: readonly string[], input = ''): Promise<ToolAnswer> {
    const command = [tools[tool], input, ...parameters].map((word) => Buffer.from(word).toString('base64'));
    this.#child.stdin?.write(`${command.join(' ')}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('the JVM with the tools has ended');
    const [code = '', printed = '', complained = ''] = value.split(' ');
    const text = (base64: string) => Buffer.from(base64, 'base64').toString();
    return { code: Number(code), printed: text(printed), complained: text(complained) };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }
}
