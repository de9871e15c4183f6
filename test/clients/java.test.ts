/** Kafka's own Java client and its console consumer against the built broker: every codec, by explicit partitions. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectedKey, expectedValue } from './expected-records.ts';
import {
  clientsCache,
  describeForeign,
  itRoundTrips,
  PARTITIONS,
  recordsPerCodec,
  runProgram,
} from './foreign-client.ts';
import { javaArguments } from './kafka-process.ts';

const classFile = join(clientsCache, 'java', 'classes', 'RoundTrip.class');

describeForeign('the Java client', [classFile], (server) => {
  itRoundTrips(server, (bootstrap, topic, codec, count) => [
    'java',
    [...javaArguments, 'RoundTrip', bootstrap, topic, codec, String(count), String(PARTITIONS)],
  ]);

  it('lets the console consumer read a partition from its beginning', async () => {
    const expected: string[] = [];
    for (let i = 0; i < recordsPerCodec; i += PARTITIONS) expected.push(`${expectedKey(i)}\t${expectedValue(i)}`);
    const printed = await runProgram('java', [
      ...javaArguments,
      'org.apache.kafka.tools.consumer.ConsoleConsumer',
      '--bootstrap-server',
      server().address,
      ...['--topic', 'round-trip-lz4', '--partition', '0', '--offset', 'earliest'],
      ...['--max-messages', String(expected.length), '--timeout-ms', '30000', '--formatter-property', 'print.key=true'],
    ]);
    expect(printed.trimEnd().split('\n')).toEqual(expected);
  });
});
