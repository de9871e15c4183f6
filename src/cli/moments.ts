/** Moments as people write them: milliseconds since 1970, ISO dates, or how long ago. */
import { Fault } from '../base/fault.ts';

const units: { readonly [letter: string]: number } = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "5m" is five minutes before `nowMs`; dates without a zone are local. */
export function timeOf(text: string, nowMs: number): number {
  const ago = /^-?(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  if (ago !== null) return Math.floor(nowMs - Number(ago[1]) * (units[ago[2] ?? ''] ?? 0));
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const parsed = Date.parse(text);
  if (Number.isNaN(parsed) || !/^\d{4}-/.test(text)) {
    throw new Fault(
      'PB_BAD_SETTING',
      `'${text}' is no time; write 2026-01-31T12:00, milliseconds since 1970, or 5m for 5 minutes ago`,
    );
  }
  return parsed;
}

/** "PT1H30M", "P1D", as Kafka's tools take durations; milliseconds. */
export function durationOf(text: string): number {
  const match = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(text);
  const plain = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  if (plain !== null) return Number(plain[1]) * (units[plain[2] ?? ''] ?? 0);
  if (match === null || text === 'P' || text.endsWith('T')) {
    throw new Fault('PB_BAD_SETTING', `'${text}' is no duration; write PT1H30M, P1D, or 5m`);
  }
  const [, days = '0', hours = '0', minutes = '0', seconds = '0'] = match;
  return Number(days) * 86_400_000 + Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1000;
}
