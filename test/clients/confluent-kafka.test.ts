/** confluent-kafka for Python, which is librdkafka, against the built broker: idempotent producer, every codec. */
import { join } from 'node:path';
import { projectRoot } from './broker-process.ts';
import { clientsCache, describeForeign, itRoundTrips, PARTITIONS } from './foreign-client.ts';

const python = join(clientsCache, 'python', 'bin', 'python');
const program = join(projectRoot, 'test', 'clients', 'python', 'round_trip.py');

describeForeign('confluent-kafka', [python, join(clientsCache, 'python.installed')], (server) => {
  itRoundTrips(server, (bootstrap, topic, codec, count) => [
    python,
    [program, bootstrap, topic, codec, String(count), String(PARTITIONS)],
  ]);
});
