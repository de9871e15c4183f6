/** Which body of the transport a front uses. */
import { must } from '../base/assert.ts';
import { openKernel } from '../zerocopy/kernel.ts';
import type { Native } from '../zerocopy/native.ts';
import { createKernelTransport } from './kernel-transport.ts';
import { NodeTransport } from './node-transport.ts';
import type { Transport } from './transport.ts';

export type IoPath = 'uring' | 'epoll' | 'node';

export function createTransport(path: IoPath, native: Native | null, eventFd: number, socketsMax: number): Transport {
  if (path === 'node') return new NodeTransport();
  return createKernelTransport(
    openKernel(must(native, 'the kernel paths need the native part'), path, { eventFd, socketsMax }),
  );
}
