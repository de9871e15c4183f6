/**
 * Decides how this broker talks to the kernel, once, at start: what the setting forces, else the best path that this
 * machine allows. Says why it is no better one, in words for the start screen.
 */
import { Fault } from '../base/fault.ts';
import { probeKernelPaths } from '../zerocopy/kernel.ts';
import type { Native, NativeLoad } from '../zerocopy/native.ts';
import type { IoPath } from './create-transport.ts';

export interface ChosenIo {
  readonly path: IoPath;
  readonly native: Native | null;
  readonly usesNative: boolean;
  /** Fronts sleep in the kernel and never return to their event loop. */
  readonly sleepsInKernel: boolean;
  /** Why this path; empty when it is the best there is. */
  readonly reason: string;
  /** What the chosen path costs, worth a line at start; null when it costs nothing. */
  readonly notice: string | null;
}

export function chooseIoPath(forced: string | null, load: NativeLoad): ChosenIo {
  if (forced === 'node') return plainNode('--io node', null);
  if (load.native === null) {
    if (forced !== null)
      throw new Fault('PB_IO_PATH', `--io ${forced} needs the native part, which is not there: ${load.problem}`);
    return plainNode(
      'the native part is missing',
      `without the native part every byte costs several times the processor time; ${load.problem}`,
    );
  }
  const { native } = load;
  const paths = probeKernelPaths(native);
  if (forced === 'uring' || forced === 'epoll') {
    const { problem } = paths[forced];
    if (problem === null) return inKernel(forced, native, `--io ${forced}`);
    throw new Fault(
      'PB_IO_PATH',
      `--io ${forced} is not possible here: ${problem}; leave --io out, and the best path is chosen`,
    );
  }
  if (paths.uring.isPossible) return inKernel('uring', native, '');
  if (paths.epoll.isPossible) return inKernel('epoll', native, `io_uring is not possible here: ${paths.uring.problem}`);
  return plainNode(
    `neither io_uring (${paths.uring.problem}) nor epoll (${paths.epoll.problem}) is possible here`,
    null,
  );
}

function inKernel(path: 'uring' | 'epoll', native: Native, reason: string): ChosenIo {
  return { path, native, usesNative: true, sleepsInKernel: true, reason, notice: null };
}

function plainNode(reason: string, notice: string | null): ChosenIo {
  return { path: 'node', native: null, usesNative: false, sleepsInKernel: false, reason, notice };
}
