/**
 * A process that lives for a moment: it gets the listener of a front as a descriptor, and sends it to the front that
 * started it, which thereby has one of its own. Node passes handles between processes, not between threads; see
 * `node-listening`.
 */
import { createServer } from 'node:net';

const server = createServer();
server.listen({ fd: Number(process.argv[2]) }, () => {
  process.send?.('lent', server, {}, () => process.exit(0));
});
