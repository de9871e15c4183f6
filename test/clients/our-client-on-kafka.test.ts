/** Our client against Apache Kafka: the scenarios that `our-client-on-ours.test.ts` runs on our broker. */
import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { runScenario, scenarios } from './client-scenarios.ts';
import { describeInstalled } from './foreign-client.ts';
import { javaFolder, KafkaProcess } from './kafka-process.ts';

describeInstalled('our client on Apache Kafka', [join(javaFolder, 'lib')], () => {
  let kafka: KafkaProcess | null = null;
  beforeAll(async () => {
    kafka = await KafkaProcess.start({
      'group.consumer.heartbeat.interval.ms': '300',
      'group.consumer.min.heartbeat.interval.ms': '100',
    });
  });
  afterAll(async () => {
    await kafka?.dispose();
  });
  for (const scenario of scenarios) {
    it(scenario.name, async () => {
      if (kafka === null) throw new Error('Apache Kafka did not start');
      await runScenario(kafka.address, scenario);
    });
  }
});
