import { expect, test } from 'vitest';
import { bytesText, durationText, GiB, HOUR_MS, KiB, MINUTE_MS, MiB } from '../../src/base/units.ts';

test('sizes and times read the way people say them', () => {
  expect([bytesText(0), bytesText(1023), bytesText(1.5 * KiB), bytesText(256 * MiB), bytesText(3 * GiB)]).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '256 MiB',
    '3 GiB',
  ]);
  expect([
    durationText(0.25),
    durationText(250),
    durationText(1500),
    durationText(2 * MINUTE_MS),
    durationText(HOUR_MS),
  ]).toEqual(['0.3 ms', '250 ms', '1.5 s', '2 min', '1 h']);
});
