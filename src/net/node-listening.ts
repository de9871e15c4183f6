/**
 * How the plain-Node transport takes its port, and how several fronts share one. Node cannot move a socket from one
 * thread to another, so every front has a listener of its own, and the kernel chooses among them.
 *
 * - `reusePort` of `listen` (Node 22.12, 23.1 and newer; not on macOS and Windows) gives each a queue of its own.
 * - Elsewhere the first front's listener is lent: a short-lived child process gets its descriptor, listens on it, and
 *   sends it back as a handle, which is a descriptor of our own for the same queue.
 *
 * Which of both is possible is found out by trying: an older Node ignores the option, and then says that the port is
 * taken.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ListenOptions, Server } from 'node:net';
import { Fault } from '../base/fault.ts';

/** Alone; as the first of several fronts; or beside the first, whose listener is known. */
export type PortSharing =
  | { readonly kind: 'alone' }
  | { readonly kind: 'first' }
  | { readonly kind: 'beside'; readonly fd: number };

export const ALONE: PortSharing = { kind: 'alone' };

interface SharedListenOptions extends ListenOptions {
  readonly reusePort?: boolean;
}

/** Node starts in far less; a machine at its limit may take a while. */
const LEND_WAIT_MS = 15_000;
/**
 * All that the child does. Descriptor 3 is the listener, behind stdin, stdout and stderr. It ends before its event loop
 * gets to look at the listener: a connection that it accepted would be lost.
 */
const LENDER = `
const server = require('node:net').createServer();
server.listen({ fd: 3 }, () => {
  process.send('lent', server);
  process.exit(0);
});
`;

export async function listenAs(server: Server, options: ListenOptions, sharing: PortSharing): Promise<void> {
  if (sharing.kind === 'alone') return listenOn(server, options);
  if (sharing.kind === 'beside') return listenBeside(server, options, sharing.fd);
  // A port that is shared from the start could be shared with a stranger: first make sure that it is ours alone.
  if (options.port !== 0) await tryPort(options);
  await listenOn(server, { ...options, reusePort: true }).catch(() => listenOn(server, options));
}

/** The descriptor of a server that listens, or -1 where Node does not show it. */
export function listenerFdOf(server: Server): number {
  const handle: unknown = Reflect.get(server, '_handle');
  if (typeof handle !== 'object' || handle === null || !('fd' in handle)) return -1;
  return typeof handle.fd === 'number' ? handle.fd : -1;
}

async function listenBeside(server: Server, options: ListenOptions, fd: number): Promise<void> {
  try {
    await listenOn(server, { ...options, reusePort: true });
  } catch (cause) {
    if (fd < 0) throw new Fault('PB_IO_PATH', 'plain Node cannot share a port here; start with --fronts 1', { cause });
    const lent = await borrow(fd);
    server.listen(lent, options.backlog);
    await once(server, 'listening');
  }
}

async function tryPort(options: ListenOptions): Promise<void> {
  const trial = createServer();
  await listenOn(trial, { ...options, exclusive: true });
  trial.close();
  await once(trial, 'close');
}

async function listenOn(server: Server, options: SharedListenOptions): Promise<void> {
  server.listen(options);
  await once(server, 'listening');
}

/** A second descriptor of the listener, as a server that nobody uses yet. */
async function borrow(fd: number): Promise<Server> {
  const child = spawn(process.execPath, ['-e', LENDER], { stdio: ['ignore', 'ignore', 'inherit', fd, 'ipc'] });
  try {
    return await lentBy(child);
  } catch (cause) {
    child.kill('SIGKILL');
    const message = 'plain Node could not share the port among fronts; start with --fronts 1';
    throw new Fault('PB_IO_PATH', message, { cause });
  }
}

async function lentBy(child: ChildProcess): Promise<Server> {
  const signal = AbortSignal.timeout(LEND_WAIT_MS);
  const failed = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`the child process ended with code ${String(code)}`);
  });
  const [, lent]: unknown[] = await Promise.race([once(child, 'message', { signal }), failed]);
  failed.catch(() => undefined);
  if (!(lent instanceof Server)) throw new Error('the child process sent no listener');
  return lent;
}
