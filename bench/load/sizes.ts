/** Sizes and rates as people type and read them: `64KiB`, `100MB`, `1.2 GB/s`. Called by the bench mains. */
const factors: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
};

export function bytesOf(text: string): number {
  const found = /^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$/.exec(text.trim());
  const factor = factors[(found?.[2] ?? '?').toUpperCase()];
  if (found === null || factor === undefined)
    throw new Error(`'${text}' is not a size; write for example 64KiB or 100MB`);
  return Number(found[1]) * factor;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 1)} MB`;
}

export function milliseconds(us: number): string {
  return us < 10_000 ? `${(us / 1000).toFixed(2)} ms` : `${(us / 1000).toFixed(1)} ms`;
}
