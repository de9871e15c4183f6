/** Our client against our broker: the scenarios that `our-client-on-kafka.test.ts` runs on Apache Kafka. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { BrokerProcess } from './broker-process.ts';
import { scenarios } from './client-scenarios.ts';
import { runScenario } from './scenarios/scenario.ts';

describe('our client on our broker', () => {
  let broker: BrokerProcess | null = null;
  beforeAll(async () => {
    broker = await BrokerProcess.start({ arguments: ['--workers', '2'] });
  });
  afterAll(async () => {
    await broker?.dispose();
  });
  for (const scenario of scenarios) {
    it(scenario.name, async () => {
      if (broker === null) throw new Error('the broker did not start');
      await runScenario(broker.address, scenario);
    });
  }
});
