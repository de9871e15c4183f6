/**
 * The Apache Kafka of the comparison: one node, the memory and the JVM flags of its own start script, everything else at its
 * default. The jars come from Maven Central by name, or from an unpacked release that the caller names.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { javaFolder, type KafkaLaunch, KafkaProcess } from '../../test/clients/kafka-process.ts';
import { checkoutFolder } from '../load/programs.ts';

/**
 * What `kafka-server-start.sh` hands to Java: its heap, and what `kafka-run-class.sh` adds to that. Its log goes nowhere,
 * which spares it a little.
 */
const jvmArguments: readonly string[] = [
  '-Xmx1G',
  '-Xms1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-XX:MaxInlineLevel=15',
  '-Djava.awt.headless=true',
  '-Xlog:gc*:file=gc.log:time,tags:filecount=10,filesize=100M',
  '-Dcom.sun.management.jmxremote=true',
  '-Dcom.sun.management.jmxremote.authenticate=false',
  '-Dcom.sun.management.jmxremote.ssl=false',
];

/**
 * Replication factors of 1 and no rebalance delay are set where every KafkaProcess is started. A removed topic's files are
 * to go before the next turn begins and not in the middle of one, so they stay for a second instead of a minute.
 */
const settings: Readonly<Record<string, string>> = { 'log.segment.delete.delay.ms': '1000' };

/** `folder` is an unpacked release, or null for the jars of Maven Central. */
export function kafkaLaunch(folder: string | null): KafkaLaunch {
  return { classPath: join(folder === null ? fetchJars() : jarsOf(folder), '*'), jvmArguments };
}

export function startKafka(launch: KafkaLaunch): Promise<KafkaProcess> {
  return KafkaProcess.start(settings, [], launch);
}

/** The version in the name of the broker's jar. */
export function kafkaVersion(launch: KafkaLaunch): string {
  const jars = readdirSync(join(launch.classPath, '..'));
  return jars.map((jar) => /^kafka_[\d.]+-(\d[\w.-]*)\.jar$/.exec(jar)?.[1]).find((version) => version) ?? 'unknown';
}

function jarsOf(folder: string): string {
  const found = ['libs', 'lib', '.'].map((name) => join(folder, name)).find(holdsBroker);
  if (found === undefined) throw new Error(`--kafka ${folder}: no kafka_*.jar there, nor in its libs`);
  return found;
}

function holdsBroker(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => /^kafka_[\d.]+-.*\.jar$/.test(name));
}

/** The tests' own Kafka lies in the same place; where it is, nothing is fetched. */
function fetchJars(): string {
  const lib = join(javaFolder, 'lib');
  if (holdsBroker(lib)) return lib;
  mkdirSync(lib, { recursive: true });
  const recipe = join(checkoutFolder, 'test', 'clients', 'java', 'pom.xml');
  process.stderr.write('fetching Apache Kafka from Maven Central\n');
  const fetching = ['-q', '-B', '-f', recipe, 'dependency:copy-dependencies', `-DoutputDirectory=${lib}`];
  execFileSync('mvn', fetching, { stdio: ['ignore', 2, 2] });
  if (!holdsBroker(lib)) throw new Error('Maven fetched no Apache Kafka');
  return lib;
}
