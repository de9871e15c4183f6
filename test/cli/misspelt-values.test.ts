import { expect, it } from 'vitest';
import { recordOf } from '../../src/cli/record-input.ts';
import { createClient } from '../../src/client/client.ts';
import { run } from './command-rig.ts';

// They were taken for the default: who asked for committed records got all of them.
it.each([
  [['consume', 'a', '--consumer-property', 'isolation.level=read_comitted'], 'read_uncommitted, read_committed'],
  [['consume', 'a', '--consumer-property', 'auto.offset.reset=first'], 'earliest, latest'],
  [['consume', 'a', '--group', 'g', '--consumer-property', 'group.protocol=new'], 'classic, consumer'],
  [['produce', 'a', '--producer-property', 'acks=7'], 'all, -1, 0, 1'],
])('a property of a value that there is not is refused: %j', async (words, choices) => {
  const { exitCode, warnings } = await run([...words, '--bootstrap-server', 'localhost:1']);
  expect(exitCode).toBe(1);
  expect(warnings).toContain(`is not known; one of ${choices}`);
});

// 1e300 was stored as 0, which retention deletes at once.
it('a timestamp that is none is refused, by the command and by the client', async () => {
  const options = {
    topic: 'a',
    partition: null,
    keySeparator: null,
    headersDelimiter: null,
    headersSeparator: ',',
    headerKeySeparator: ':',
    headers: [],
    nullMarker: null,
    isJson: true,
    isLenient: false,
  };
  const client = createClient({ brokers: 'localhost:1' });
  const producer = client.producer();
  for (const timestamp of [1e300, -5, 1.5]) {
    const line = Buffer.from(`{"value":"v","timestamp":${timestamp}}`);
    expect(() => recordOf(line, 1, options)).toThrow('its timestamp is no whole number of milliseconds');
    await expect((async () => producer.send({ topic: 'a', value: 'v', timestamp }))()).rejects.toThrow(
      'no whole number',
    );
  }
  expect(recordOf(Buffer.from('{"value":"v","timestamp":5}'), 1, options)).toMatchObject({ timestamp: 5 });
  await client.close();
});
