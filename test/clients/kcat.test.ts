/**
 * kcat (librdkafka, the release of Debian) against the built broker. It gives every record of a call the same headers and
 * its own clock as timestamp, so those are checked with records that our client wrote.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { codecByName } from '../../src/protocol/compression.ts';
import { codecNames, expectedKey, expectedRecord, expectedValue } from './expected-records.ts';
import { describeForeign, recordsPerCodec, runProgram } from './foreign-client.ts';
import { makeTopic } from './server-under-test.ts';

const kcat =
  ['/usr/bin/kcat', '/usr/local/bin/kcat', '/opt/homebrew/bin/kcat'].find((path) => existsSync(path)) ??
  '/usr/bin/kcat';
const RECORDS_PER_BATCH = 500;

describeForeign('kcat', [kcat], (server) => {
  for (const codec of codecNames) {
    it(`gets back what it wrote with ${codec}`, async () => {
      const topic = `kcat-${codec}`;
      await makeTopic(server(), topic, 1);
      const numbers = Array.from({ length: recordsPerCodec }, (_, i) => i);
      const input = numbers.map((i) => `${expectedKey(i)}:${expectedValue(i)}\n`).join('');
      const fixed = ['-b', server().address, '-t', topic, '-p', '0'];
      execFileSync(kcat, ['-P', ...fixed, '-K:', '-z', codec, '-H', 'from=kcat'], { input });
      const printed = await runProgram(kcat, ['-C', ...fixed, '-o', 'beginning', '-e', '-q', '-f', '%o %k:%s %h\n']);
      const expected = numbers.map((i) => `${i} ${expectedKey(i)}:${expectedValue(i)} from=kcat`);
      expect(printed.trimEnd().split('\n')).toEqual(expected);
    });

    it(`reads keys, headers and timestamps that our client wrote with ${codec}`, async () => {
      const topic = `kcat-reads-${codec}`;
      await makeTopic(server(), topic, 1);
      const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: server().port }] });
      const producer = new Producer(cluster, { codec: codecByName(codec) });
      const count = Math.min(recordsPerCodec, RECORDS_PER_BATCH);
      const records = Array.from({ length: count }, (_, i) => expectedRecord(i));
      await producer.send(topic, 0, records);
      await cluster.close();
      const fixed = ['-b', server().address, '-t', topic, '-p', '0'];
      const printed = await runProgram(kcat, ['-C', ...fixed, '-o', 'beginning', '-e', '-q', '-f', '%T %k %s %h\n']);
      const expected = records.map(({ key, value, timestamp }, i) => `${timestamp} ${key} ${value} index=${i},empty=`);
      expect(printed.trimEnd().split('\n')).toEqual(expected);
    });
  }

  it('lists the topics of the broker', async () => {
    const printed = await runProgram(kcat, ['-L', '-b', server().address, '-t', 'kcat-none']);
    expect(printed).toContain('topic "kcat-none" with 1 partitions');
  });
});
