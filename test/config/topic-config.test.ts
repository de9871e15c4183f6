import { describe, expect, it } from 'vitest';
import { loadBrokerConfig } from '../../src/config/load.ts';
import { layersOfTopic, problemOfOverrides, topicValues } from '../../src/config/topic-config.ts';

describe('the settings of a topic', () => {
  it('come from the topic, else from the broker, else from the table', () => {
    const broker = loadBrokerConfig({ sets: ['log.segment.bytes=2097152'] });
    expect(topicValues({ 'segment.bytes': '3145728' }, broker)['segment.bytes']).toBe(3_145_728);
    expect(topicValues({}, broker)['segment.bytes']).toBe(2_097_152);
    expect(topicValues({}, loadBrokerConfig({}))['segment.bytes']).toBe(1_073_741_824);
  });

  it('take hours of the broker as milliseconds, unless it was given in milliseconds', () => {
    expect(topicValues({}, loadBrokerConfig({ sets: ['log.roll.hours=2'] }))['segment.ms']).toBe(7_200_000);
    const both = loadBrokerConfig({ sets: ['log.roll.hours=2', 'log.roll.ms=5'] });
    expect(topicValues({}, both)['segment.ms']).toBe(5);
    expect(layersOfTopic('segment.ms', {}, both).map((layer) => [layer.key, layer.text, layer.source])).toEqual([
      ['log.roll.ms', '5', 'set'],
      ['log.roll.hours', '2', 'set'],
      ['log.roll.hours', '168', 'default'],
    ]);
    // As in Kafka: without one in its own units, a setting is said to be the default.
    expect(layersOfTopic('segment.ms', {}, loadBrokerConfig({ sets: ['log.roll.hours=2'] }))).toEqual([]);
    expect(topicValues({}, loadBrokerConfig({ sets: ['log.retention.hours=-1'] }))['retention.ms']).toBe(-1);
  });

  it('are refused when a name or a value is bad, or two contradict each other', () => {
    const broker = loadBrokerConfig({});
    expect(problemOfOverrides({ 'cleanup.policy': 'compact' }, broker)).toBeNull();
    expect(problemOfOverrides({ 'retention.mss': '1' }, broker)).toContain('did you mean retention.ms?');
    expect(problemOfOverrides({ 'segment.ms': '0' }, broker)).toContain('at least 1');
    expect(problemOfOverrides({ 'min.compaction.lag.ms': '9', 'max.compaction.lag.ms': '8' }, broker)).toContain(
      'is above',
    );
    expect(problemOfOverrides({ toString: 'x' }, broker)).toContain('no topic setting');
  });

  it('follow a change of a dynamic broker value', () => {
    const broker = loadBrokerConfig({ sets: ['message.max.bytes=10'] }).withDynamic({
      broker: { 'message.max.bytes': '20' },
    });
    expect(topicValues({}, broker)['max.message.bytes']).toBe(20);
    expect(topicValues({}, broker.withDynamic({}))['max.message.bytes']).toBe(10);
  });
});
