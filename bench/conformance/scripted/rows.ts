/**
 * The language of scripted exchanges: a row is a request in one version, or in all that both brokers speak, written down
 * with what matters; the schema's defaults fill the rest. Values that only a broker can say are saved from its answers.
 * A script whose API is not offered by both brokers is left out and counted as such.
 */
import type { Api } from '../../../src/protocol/api.ts';
import { elementOf, type FieldShape, isPresent } from '../../../src/protocol/fields.ts';
import type { Script } from '../comparison.ts';
import type { Outcome } from '../exchange.ts';
import type { OfferedApi } from '../generated/plan.ts';
import { Memory, Saved } from '../generated/symbols.ts';
import type { SendOptions, Session } from '../session.ts';
import { pause } from '../visibility.ts';

export interface Row {
  readonly api: string;
  readonly version: number | 'each' | 'last';
  readonly body: unknown;
  readonly options: RowOptions;
}

export interface RowOptions extends SendOptions {
  /** Name and path of what later rows need from this answer: `{ member: 'memberId' }`. */
  readonly save?: Readonly<Record<string, string>>;
  /** Not waited for here: requests that the broker holds back. All are waited for before the next row that says `meet`. */
  readonly isHeld?: boolean;
  readonly meet?: boolean;
  /** Waits first, for what was sent on another connection to arrive. */
  readonly afterMs?: number;
  /** Sent again until the field at this path is zero, for what a broker finishes in its own time; only the last is compared. */
  readonly untilZero?: string;
}

export interface RowScript {
  readonly name: string;
  readonly rows: readonly Row[];
}

const REPEATS_MAX = 60;
const REPEAT_MS = 50;

export function row(api: string, version: Row['version'], body: unknown, options: RowOptions = {}): Row {
  return { api, version, body, options };
}

export function rowScript(name: string, rows: readonly Row[]): RowScript {
  return { name, rows };
}

/** Null when a row asks for an API that one of the two does not offer. */
export function asScript(script: RowScript, offered: readonly OfferedApi[]): Script | null {
  const byName = new Map(offered.map((one) => [one.api.name, one]));
  if (script.rows.some(({ api }) => !byName.has(api))) return null;
  return {
    name: script.name,
    goesOn: true,
    async run(session) {
      const memory = new Memory(session.prefix);
      const held: Promise<unknown>[] = [];
      for (const { api: name, version, body, options } of script.rows) {
        const offer = byName.get(name);
        if (offer === undefined) continue;
        if (options.meet === true) await Promise.all(held.splice(0));
        if (options.afterMs !== undefined) await pause(options.afterMs);
        for (const chosen of versionsOf(version, offer.versions)) {
          const sent = sendRow(session, memory, offer.api, chosen, body, options);
          if (options.isHeld === true) held.push(sent);
          else await sent;
        }
      }
      await Promise.all(held);
    },
  };
}

/** The versions in which a row is sent when these are spoken. */
export function versionsOf(version: Row['version'], [first, last]: readonly [number, number]): number[] {
  if (version === 'last') return [last];
  if (version === 'each') return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return version >= first && version <= last ? [version] : [];
}

async function sendRow(
  session: Session,
  memory: Memory,
  api: Api,
  version: number,
  body: unknown,
  options: RowOptions,
): Promise<void> {
  const request = requestOf(api, version, memory.resolve(body));
  let outcome = await session.attempt(api, version, request, options);
  const { untilZero } = options;
  for (let repeat = 0; untilZero !== undefined && repeat < REPEATS_MAX; repeat++) {
    if (outcome.kind === 'answer' && valueAt(outcome.body, untilZero) === 0) break;
    await pause(REPEAT_MS);
    session.trace.exchanges.pop();
    outcome = await session.attempt(api, version, request, options);
  }
  save(memory, outcome, options.save ?? {});
}

function save(memory: Memory, outcome: Outcome, names: Readonly<Record<string, string>>): void {
  if (outcome.kind !== 'answer') return;
  for (const [name, path] of Object.entries(names)) memory.save(name, valueAt(outcome.body, path));
}

/** `topics.0.partitions.1.errorCode` */
function valueAt(body: unknown, path: string): unknown {
  let value = body;
  for (const part of path.split('.'))
    value = typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined;
  return value;
}

/** A row's body with everything that it leaves out. */
export function requestOf(api: Api, version: number, body: unknown): unknown {
  return complete(api.request, version, body);
}

function complete(shape: FieldShape, version: number, given: unknown): unknown {
  if (shape.kind === 'array' && Array.isArray(given)) {
    return given.map((one) => complete(elementOf(shape), version, one));
  }
  if (shape.kind !== 'struct' || typeof given !== 'object' || given === null) return given;
  const entries = shape.members.map(({ name, shape: member }): [string, unknown] => {
    const value: unknown = Reflect.get(given, name);
    const isKept = value !== undefined && isPresent(member, version);
    return [name, isKept ? complete(member, version, value) : defaultOf(member, version)];
  });
  return Object.fromEntries(entries);
}

function defaultOf(shape: FieldShape, version: number): unknown {
  return shape.kind === 'struct' && shape.defaultValue !== null ? complete(shape, version, {}) : shape.defaultValue;
}

export function saved(name: string, fallback: unknown = ''): Saved {
  return new Saved(name, fallback);
}
