/**
 * Our client against Apache Kafka: the scenarios that `our-client-on-ours.test.ts` runs on our broker; and those with
 * transactions once more on a cluster whose transactions are of the first version.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { scenarios } from './client-scenarios.ts';
import { describeInstalled } from './foreign-client.ts';
import { javaFolder, KafkaProcess } from './kafka-process.ts';
import { runScenario, type Scenario } from './scenarios/scenario.ts';
import { transactionScenarios } from './scenarios/transactions.ts';

const NEEDS = [join(javaFolder, 'lib')];
const QUICK_HEARTBEATS = {
  'group.consumer.heartbeat.interval.ms': '300',
  'group.consumer.min.heartbeat.interval.ms': '100',
};

function onKafka(name: string, some: readonly Scenario[], features: readonly string[]): void {
  describeInstalled(name, NEEDS, () => {
    let kafka: KafkaProcess | null = null;
    beforeAll(async () => {
      kafka = await KafkaProcess.start(QUICK_HEARTBEATS, features);
    });
    afterAll(async () => {
      await kafka?.dispose();
    });
    for (const scenario of some) {
      it(scenario.name, async () => {
        if (kafka === null) throw new Error('Apache Kafka did not start');
        await runScenario(kafka.address, scenario);
      });
    }
  });
}

onKafka('our client on Apache Kafka', scenarios, []);
onKafka('our client on Apache Kafka with transactions of version 1', transactionScenarios, ['transaction.version=1']);
