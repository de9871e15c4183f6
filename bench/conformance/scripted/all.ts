/** Every script, area by area. */
import type { Script } from '../comparison.ts';

export const scripted: readonly Script[] = [];
