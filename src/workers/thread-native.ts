/** The native part for a thread that was told to use it: main has tested it, so its absence here is a fault, not a choice. */
import { Fault } from '../base/fault.ts';
import { loadNative, type Native } from '../zerocopy/native.ts';

export function nativeIf(usesNative: boolean): Native | null {
  if (!usesNative) return null;
  const loaded = loadNative();
  if (loaded.native === null) {
    throw new Fault('PB_NATIVE', `the native part that main loaded does not load in a thread: ${loaded.problem}`);
  }
  return loaded.native;
}
