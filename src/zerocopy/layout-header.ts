/**
 * The C face of `layout.ts`: the numbers that C reads, as #defines with the prefix PB_. Rings, slots and the board are
 * between threads of TypeScript only, so changing them does not touch the header.
 *
 * Called by `native-bindings/layout.mjs`, which writes the header, and by the test that fails when the header is stale.
 */
import * as layout from './layout.ts';

const SHARED_WITH_C = /^(SUBMISSION|COMPLETION|KERNEL|LISTEN)_/;

export function layoutHeader(): string {
  const lines = Object.entries(layout)
    .filter(([name, value]) => SHARED_WITH_C.test(name) && Number.isSafeInteger(value))
    .map(([name, value]) => `#define PB_${name} ${value}`);
  return [
    '/* Generated from src/zerocopy/layout.ts by native-bindings/layout.mjs; do not edit. */',
    '#ifndef PERFBROKER_LAYOUT_H',
    '#define PERFBROKER_LAYOUT_H',
    '',
    ...lines.sort(),
    '',
    '#endif',
    '',
  ].join('\n');
}
