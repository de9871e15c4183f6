/** Memory without an address, for tests that run without the native part. */
import type { Memory } from '../../src/zerocopy/memory.ts';

export function plainMemory(bytes: number): Memory {
  return memoryOver(new SharedArrayBuffer(bytes));
}

export function memoryOver(buffer: SharedArrayBuffer | ArrayBuffer): Memory {
  return { bytes: new Uint8Array(buffer), view: new DataView(buffer), address: 0 };
}
