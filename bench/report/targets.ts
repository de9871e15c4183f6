/** Bars that a person names on the command line, `connection=12KB,rate=0.9`, and whether a figure meets them. */
import { bytesOf } from '../load/sizes.ts';

export interface Judged {
  readonly verdict: 'pass' | 'FAIL' | '–';
  /** The bar as it was typed; empty where there is none. */
  readonly bar: string;
}

export interface Targets {
  atMost(name: string, value: number): Judged;
  atLeast(name: string, value: number): Judged;
}

export function parseTargets(text: string): Targets {
  const bars = new Map<string, string>();
  for (const part of text.split(',').filter((word) => word.trim() !== '')) {
    const [name = '', bar = '', ...rest] = part.split('=');
    if (bar === '' || rest.length > 0) throw new Error(`--targets: '${part}' is not name=value`);
    bars.set(name.trim(), bar.trim());
  }
  const judge = (name: string, sign: string, meets: (bar: number) => boolean): Judged => {
    const bar = bars.get(name);
    if (bar === undefined) return { verdict: '–', bar: '' };
    return { verdict: meets(numberOf(bar)) ? 'pass' : 'FAIL', bar: `${sign} ${bar}` };
  };
  return {
    atMost: (name, value) => judge(name, '≤', (bar) => value <= bar),
    atLeast: (name, value) => judge(name, '≥', (bar) => value >= bar),
  };
}

/** Sizes, plain numbers, and times: `12KB`, `0.9`, `600ms`, `2s`; times become milliseconds. */
function numberOf(bar: string): number {
  const time = /^(\d+(?:\.\d+)?)\s*(ms|s)$/.exec(bar);
  if (time !== null) return Number(time[1]) * (time[2] === 's' ? 1000 : 1);
  return bytesOf(bar);
}
