/** @platformatic/kafka under the newest even Node release against the built broker: every codec, by explicit offsets. */
import { join } from 'node:path';
import { projectRoot } from './broker-process.ts';
import { clientsCache, describeForeign, itRoundTrips, PARTITIONS } from './foreign-client.ts';

const folder = join(clientsCache, 'newest-node');
const node = join(folder, 'node_modules', 'node', 'bin', 'node');
const program = join(projectRoot, 'test', 'clients', 'platformatic', 'round-trip.mjs');

describeForeign('@platformatic/kafka', [node, join(folder, 'node_modules', '@platformatic', 'kafka')], (server) => {
  itRoundTrips(
    server,
    (bootstrap, topic, codec, count) => [node, [program, bootstrap, topic, codec, String(count), String(PARTITIONS)]],
    { cwd: folder },
  );
});
