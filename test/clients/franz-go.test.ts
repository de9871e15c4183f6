/** franz-go, the Go client, against the built broker: every codec, keys, headers and timestamps, by explicit partitions. */
import { join } from 'node:path';
import { clientsCache, describeForeign, itRoundTrips, PARTITIONS } from './foreign-client.ts';

const program = join(clientsCache, 'go', 'round-trip');

describeForeign('franz-go', [program], (server) => {
  itRoundTrips(server, (bootstrap, topic, codec, count) => [
    program,
    [`-bootstrap=${bootstrap}`, `-topic=${topic}`, `-codec=${codec}`, `-count=${count}`, `-partitions=${PARTITIONS}`],
  ]);
});
