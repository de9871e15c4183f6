import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { layoutHeader } from '../../src/zerocopy/layout-header.ts';

const header = fileURLToPath(new URL('../../native-bindings/src/layout.h', import.meta.url));

describe('layout.h', () => {
  it('says the same numbers as layout.ts (write it anew with: npm run build && node native-bindings/layout.mjs)', () => {
    expect(readFileSync(header, 'utf8')).toBe(layoutHeader());
  });

  it('has every constant once', () => {
    const names = layoutHeader().match(/^#define PB_\w+ /gm) ?? [];
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(20);
  });
});
