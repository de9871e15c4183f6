/** Which body of the transport a front uses. */
import { must } from '../base/assert.ts';
import { openKernel } from '../zerocopy/kernel.ts';
import type { Native } from '../zerocopy/native.ts';
import { createKernelTransport } from './kernel-transport.ts';
import { NodeTransport } from './node-transport.ts';
import type { Transport } from './transport.ts';

export type IoPath = 'uring' | 'epoll' | 'node';

export interface TransportParts {
  readonly path: IoPath;
  readonly native: Native | null;
  /** Ends a wait in the kernel. */
  readonly eventFd: number;
  readonly socketsMax: number;
  readonly sendBufferBytes: number;
  readonly regionBufferBytes: number;
}

export function createTransport(parts: TransportParts): Transport {
  const { path, eventFd, socketsMax, sendBufferBytes, regionBufferBytes } = parts;
  if (path === 'node') return new NodeTransport(parts.native);
  const native = must(parts.native, 'the kernel paths need the native part');
  const kernel = openKernel(native, path, { eventFd, socketsMax, regionBufferBytes });
  return createKernelTransport(kernel, { sendBufferBytes });
}
