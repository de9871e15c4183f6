import { describe, expect, it } from 'vitest';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { describeConfigs } from '../../src/protocol/schemas/32-describe-configs.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { makeDesk, topicWish } from './desk-client.ts';

const resource = (resourceType: number, resourceName: string, configurationKeys: string[] | null = null) => ({
  resourceType,
  resourceName,
  configurationKeys,
});

describe('DescribeConfigs', () => {
  it('39: tells value, source and type of a topic, and synonyms and documentation only on request', async () => {
    const { ask } = await makeDesk({ sets: ['log.segment.bytes=2097152'] });
    await ask(createTopics, 7, {
      topics: [topicWish('a', { configs: [{ name: 'segment.bytes', value: '3145728' }] })],
    });
    const resources = [resource(2, 'a', ['segment.bytes', 'retention.ms', 'unknown'])];
    const plain = await ask(describeConfigs, 4, { resources });
    expect(plain.results[0]?.configs).toMatchObject([
      {
        name: 'retention.ms',
        value: '604800000',
        configSource: 5,
        configType: 5,
        readOnly: false,
        synonyms: [],
        documentation: null,
      },
      { name: 'segment.bytes', value: '3145728', configSource: 1, configType: 3, synonyms: [], documentation: null },
    ]);
    const full = await ask(describeConfigs, 4, { resources, includeSynonyms: true, includeDocumentation: true });
    expect(full.results[0]?.configs[1]?.synonyms).toEqual([
      { name: 'segment.bytes', value: '3145728', source: 1 },
      { name: 'log.segment.bytes', value: '2097152', source: 4 },
      { name: 'log.segment.bytes', value: '1073741824', source: 5 },
    ]);
    expect(full.results[0]?.configs[1]?.documentation).toContain('segment');
    expect((await ask(describeConfigs, 1, { resources })).results[0]?.configs[0]?.configType).toBe(0);
  });

  // Each was described anew: 200 KB held main for minutes, and what it told did not fit into memory.
  it('describes what a request names very often only once, and groups without settings of their own alike', async () => {
    const { ask } = await makeDesk();
    const resources = Array.from({ length: 20_000 }, (_, index) =>
      index % 2 === 0
        ? resource(4, '1', ['num.partitions'])
        : resource(32, `g${index}`, ['share.heartbeat.interval.ms']),
    );
    const begunMs = cpuMs();
    const { results } = await ask(describeConfigs, 4, { resources });
    expect(cpuMs() - begunMs).toBeLessThan(4000);
    expect(results.at(-2)?.configs.map(({ name }) => name)).toEqual(['num.partitions']);
    expect(results.at(-1)).toMatchObject({ resourceName: 'g19999', configs: [{ value: '5000' }] });
  });

  it('39: tells the settings of this broker, where they come from, and refuses another broker', async () => {
    const { ask, controller } = await makeDesk({ sets: ['num.partitions=7'] });
    await controller.amend(() => ({
      records: [{ kind: 'broker-configs', configs: { 'message.max.bytes': '5000' } }],
      outcome: null,
    }));
    const answer = await ask(describeConfigs, 4, {
      resources: [
        resource(4, '1', ['num.partitions', 'message.max.bytes', 'fetch.max.bytes', 'log.dirs']),
        resource(4, ''),
        resource(4, '2'),
        resource(4, 'x'),
        resource(8, '1'),
      ],
    });
    expect(answer.results[0]?.configs.map(({ name, value, configSource }) => [name, value, configSource])).toEqual([
      ['fetch.max.bytes', '57671680', 5],
      ['log.dirs', './data', 5],
      ['message.max.bytes', '5000', 2],
      ['num.partitions', '7', 4],
    ]);
    expect(answer.results.map((result) => result.errorCode)).toEqual([0, 0, 42, 42, 42]);
  });

  it('has an error for each topic that does not exist or cannot', async () => {
    const { ask } = await makeDesk();
    const answer = await ask(describeConfigs, 4, { resources: [resource(2, 'a'), resource(2, 'no/good')] });
    expect(answer.results.map((result) => result.errorCode)).toEqual([3, 17]);
  });
});
