/** What fronts of a test share, with room for few. */
import { createFrontCommons, type FrontCommons } from '../../src/net/front-commons.ts';

const WINDOWS = 11;

export function plainCommons(fronts: number): FrontCommons {
  return createFrontCommons({
    fronts,
    plainFronts: fronts,
    connectionsMax: 4096,
    windowCount: WINDOWS,
    secret: Int32Array.of(0x0102_0304, 0x0506_0708, 0x090a_0b0c, 0x0d0e_0f10),
  });
}
