import { describe, expect, it } from 'vitest';
import { brokerSettings } from '../../src/config/broker-settings.ts';
import { FOREVER, formatValue, formatValueOf, readValue } from '../../src/config/settings.ts';
import { topicSettings } from '../../src/config/topic-settings.ts';

function problem(key: keyof typeof topicSettings, text: string): string {
  const read = readValue(key, topicSettings[key], text);
  return read.isGood ? '' : read.problem;
}

describe('a setting', () => {
  it('tells key, value, bound and remedy when the value is out of bounds', () => {
    expect(problem('segment.bytes', '12')).toBe(
      "segment.bytes is '12' but must be a whole number, at least 1048576 (bytes); give it such a value",
    );
    expect(problem('cleanup.policy', 'shred')).toContain('any of compact, delete');
    expect(problem('compression.type', 'rar')).toContain('one of uncompressed');
    expect(problem('preallocate', 'yes')).toContain('true or false');
    expect(problem('min.cleanable.dirty.ratio', '1.5')).toContain('between 0 and 1');
    expect(problem('compression.gzip.level', '0')).toContain('one of -1, 1');
    expect(problem('segment.bytes', '2147483648')).toContain('at most 2147483647');
    expect(problem('retention.ms', '9223372036854775808')).toContain('64 bits');
    expect(problem('retention.ms', '1e3')).toContain('whole number');
    expect(problem('leader.replication.throttled.replicas', '0:1,x')).toContain('partition:broker');
  });

  it('refuses with a reason what this broker can never honour', () => {
    expect(problem('remote.storage.enable', 'true')).toContain('no tiered storage');
    expect(problem('remote.storage.enable', 'false')).toBe('');
    expect(problem('compression.lz4.level', '12')).toContain('one level');
    expect(problem('compression.lz4.level', '9')).toBe('');
    expect(problem('compression.lz4.level', '18')).toContain('between 1 and 17');
  });

  it('takes the largest 64-bit number for no limit, and writes it back so', () => {
    expect(readValue('flush.ms', topicSettings['flush.ms'], '9223372036854775807')).toEqual({
      isGood: true,
      value: FOREVER,
    });
    expect(formatValue(FOREVER)).toBe('9223372036854775807');
  });

  it('takes both cleanup policies, and spaces around them', () => {
    expect(readValue('cleanup.policy', topicSettings['cleanup.policy'], ' compact, delete ')).toEqual({
      isGood: true,
      value: ['compact', 'delete'],
    });
  });

  it('counts a policy that is named twice once', () => {
    expect(readValue('cleanup.policy', topicSettings['cleanup.policy'], 'compact,compact')).toMatchObject({
      value: ['compact'],
    });
  });

  it.each([
    [0, '0.0'],
    [1, '1.0'],
    [0.5, '0.5'],
    [0.001, '0.001'],
    [0.0001, '1.0E-4'],
    [0.00025, '2.5E-4'],
    [9_999_999, '9999999.0'],
    [1e7, '1.0E7'],
    [Number.MAX_VALUE, '1.7976931348623157E308'],
  ])('writes the double %d as Java does', (value, text) => {
    expect(formatValueOf(topicSettings['min.cleanable.dirty.ratio'], value)).toBe(text);
    expect(formatValueOf(topicSettings['flush.ms'], 7)).toBe('7');
  });

  it('has a default that its own rules accept', () => {
    for (const table of [topicSettings, brokerSettings]) {
      for (const [key, setting] of Object.entries(table)) {
        const text = formatValue(setting.default);
        if (text !== null) expect(readValue(key, setting, text), key).toEqual({ isGood: true, value: setting.default });
      }
    }
  });
});
