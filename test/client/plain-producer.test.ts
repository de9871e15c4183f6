/** The plain producer's identity: who could not get one asks again. */
import { expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';

// Once the first failure was given to everybody who came after.
it('asks for its identity again when it could not be had before', async () => {
  let dials = 0;
  const cluster = new ClusterView({
    brokers: [{ host: 'nowhere', port: 1 }],
    dial: () => {
      dials += 1;
      return Promise.reject(new Fault('PB_CONNECTION', `attempt ${dials}`));
    },
  });
  const producer = new Producer(cluster, { isIdempotent: true });
  const prepare = () => producer.prepare('topic', 0, [{ key: null, value: null, timestamp: 0 }]);
  await expect(prepare()).rejects.toThrow('attempt 1');
  await expect(prepare()).rejects.toThrow('attempt 2');
});
