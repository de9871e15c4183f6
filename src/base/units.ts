/** Sizes in bytes and spans of time in milliseconds, by the names people use. Imported by everyone. */
export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

const BYTE_STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** "1.5 MiB": for messages to people. */
export function bytesText(bytes: number): string {
  let amount = bytes;
  let step = 0;
  while (amount >= 1024 && step < BYTE_STEPS.length - 1) {
    amount /= 1024;
    step += 1;
  }
  return `${roundedText(amount)} ${BYTE_STEPS[step] ?? 'B'}`;
}

/** "250 ms", "1.5 s", "2 min": for messages to people. */
export function durationText(ms: number): string {
  if (ms < SECOND_MS) return `${roundedText(ms)} ms`;
  if (ms < MINUTE_MS) return `${roundedText(ms / SECOND_MS)} s`;
  if (ms < HOUR_MS) return `${roundedText(ms / MINUTE_MS)} min`;
  return `${roundedText(ms / HOUR_MS)} h`;
}

function roundedText(amount: number): string {
  return String(Math.round(amount * 10) / 10);
}
