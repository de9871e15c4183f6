import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { openKernel, probeKernelPaths } from '../../src/zerocopy/kernel.ts';
import { KERNEL_FEATURE_URING } from '../../src/zerocopy/layout.ts';
import { loadNative, memoryOf } from '../../src/zerocopy/native.ts';

const { native, problem } = loadNative();

describe('the native part', () => {
  it('loads, or says why not', () => {
    expect(native === null).toBe(problem !== null);
    expect(loadNative().native).toBe(native);
  });

  it('loads wherever it was built, so that nothing else here is skipped by mistake', () => {
    const build = new URL('../../native-bindings/build/perfbroker.node', import.meta.url);
    if (existsSync(build)) expect(problem).toBeNull();
  });

  it.runIf(native !== null)('finds the same shared memory at the same address, from any view', () => {
    if (native === null) return;
    const shared = new SharedArrayBuffer(4096);
    const whole = memoryOf(new Uint8Array(shared), native);
    const part = memoryOf(new Uint8Array(shared, 100, 10), native);
    expect(part.address).toBe(whole.address + 100);
    expect(memoryOf(whole.bytes, null).address).toBe(0);
    part.view.setUint16(0, 0xabcd);
    expect(whole.bytes[100]).toBe(0xab);
  });

  it.runIf(native !== null)('answers wrong arguments with a number, not with a crash', () => {
    if (native === null) return;
    const { EINVAL, EBADF } = constants.errno;
    expect(native.crc32c(0, -1)).toBe(-EINVAL);
    expect(native.pwritev(0, 0, 0, 1)).toBe(-EINVAL);
    expect(native.futexWait(0, 0, 0)).toBe(-EINVAL);
    expect(native.eventfdWrite(-1)).toBe(-EINVAL);
    expect(native.closeFd(1_000_000)).toBe(-EBADF);
    expect(native.kernelProbe(7)).toBe(-EINVAL);
    expect(native.kernelTurn(250, 0, 0, 0)).toBe(-EINVAL);
    expect(native.kernelClose(-1)).toBe(-EINVAL);
    expect(native.residentBytes(1_000_000, 0, 10, 1)).toBe(-EBADF);
  });
});

describe.runIf(native !== null)('the paths into the kernel', () => {
  it('are either possible or explained', () => {
    if (native === null) return;
    const probes = probeKernelPaths(native);
    expect(probes.epoll.isPossible).toBe(true);
    expect(probes.uring.isPossible).toBe(probes.uring.problem === null);
    if (probes.uring.isPossible) expect(probes.uring.features & KERNEL_FEATURE_URING).toBe(KERNEL_FEATURE_URING);
  });

  it('belong to whoever opened them until they are closed, once', () => {
    if (native === null) return;
    const kernel = openKernel(native, 'epoll', { socketsMax: 2, eventFd: -1 });
    expect(kernel.turn(0)).toBe(0);
    expect(kernel.eventFd).toBeGreaterThan(0);
    kernel.close();
    kernel.close();
    expect(() => kernel.turn(0)).toThrow('the kernel refused a turn of --io epoll: EINVAL');
  });
});
