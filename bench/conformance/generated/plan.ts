/**
 * A generated session: some steps that set a stage, then random requests of random versions, most of them within one area,
 * so that they meet each other's state. A seed and a number give the same plan every time, without any broker.
 */
import type { Api } from '../../../src/protocol/api.ts';
import { Prng } from '../../../test/support/prng.ts';
import type { Outcome } from '../exchange.ts';
import { ownPart } from '../normal-form.ts';
import type { Session } from '../session.ts';
import { Memory, Named } from './symbols.ts';
import { type Mood, ValueSource } from './values.ts';

export interface OfferedApi {
  readonly api: Api;
  /** What both brokers advertise and the schema can write. */
  readonly versions: readonly [number, number];
}

export interface PlannedStep {
  readonly api: Api;
  readonly version: number;
  readonly template: unknown;
  readonly connection: string;
  readonly damage: Damage | null;
}

export type Damage =
  | { readonly kind: 'cut'; readonly bytes: number }
  | { readonly kind: 'append'; readonly bytes: number }
  | { readonly kind: 'version'; readonly version: number };

export interface Plan {
  readonly seed: number;
  readonly index: number;
  readonly steps: readonly PlannedStep[];
}

const STEPS = 22;
const THEME_SHARE = 0.75;
const DAMAGED = 0.03;
const BLOCKING_KEYS = new Set([11, 14]);
/** Long enough for an answer that comes at once on a busy machine. */
const BLOCKING_MS = 900;
const NO_ACK_MS = 150;
const PRODUCE = 0;
const API_VERSIONS = 18;
const INDEX_STRIDE = 1_000_003;
const connections = ['a', 'a', 'b'];

const themes: readonly (readonly number[])[] = [
  [0, 1, 2, 3, 21, 23, 37],
  [0, 1, 22, 24, 25, 26, 28, 61, 65, 66],
  [8, 9, 10, 11, 12, 13, 14, 15, 16, 42, 47],
  [8, 9, 15, 16, 68, 69, 42, 47],
  [0, 76, 77, 78, 79, 90, 91, 92],
  [3, 19, 20, 32, 33, 37, 44, 60, 74, 75],
  [18, 34, 35, 43, 45, 46, 48, 49, 55, 57, 60, 17, 36],
];

export function makePlan(seed: number, index: number, offered: readonly OfferedApi[], only: string | null): Plan {
  const prng = new Prng(seed * INDEX_STRIDE + index);
  const themeKeys = themes[prng.nextInt(themes.length)] ?? [];
  const wanted = only === null ? offered : offered.filter(({ api }) => api.name === only);
  const themed = only === null ? offered.filter(({ api }) => themeKeys.includes(api.key)) : offered;
  const steps = stage(offered, prng);
  for (let step = 0; step < STEPS; step++) {
    const isThemed = themed.length > 0 && prng.nextBoolean(THEME_SHARE);
    const chosen = pick(prng, isThemed && only === null ? themed : prng.nextBoolean(0.2) ? offered : wanted);
    steps.push(randomStep(chosen, prng));
  }
  return { seed, index, steps };
}

/** Two topics with some records, which most requests are about. */
function stage(offered: readonly OfferedApi[], prng: Prng): PlannedStep[] {
  const steps: PlannedStep[] = [];
  const create = offered.find(({ api }) => api.name === 'CreateTopics');
  if (create === undefined) return steps;
  const topic = (word: string, numPartitions: number) => ({
    name: new Named(word),
    numPartitions,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  });
  const template = { topics: [topic('t0', 2), topic('t1', 1)], timeoutMs: 10_000 };
  steps.push({ api: create.api, version: create.versions[1], template, connection: 'a', damage: null });
  const produce = offered.find(({ api }) => api.key === PRODUCE);
  if (produce === undefined) return steps;
  const records = new ValueSource(prng, 'Produce', produce.versions[0], 'valid').request(produce.api.request);
  steps.push({
    api: produce.api,
    version: Math.min(9, produce.versions[1]),
    template: records,
    connection: 'a',
    damage: null,
  });
  return steps;
}

function randomStep(offered: OfferedApi, prng: Prng): PlannedStep {
  const { api, versions } = offered;
  const version = versions[0] + prng.nextInt(versions[1] - versions[0] + 1);
  const roll = prng.nextFraction();
  const mood: Mood = roll < 0.6 ? 'valid' : roll < 0.85 ? 'edge' : 'wrong';
  const template = new ValueSource(prng, api.name, version, mood).request(api.request);
  return { api, version, template, connection: pick(prng, connections), damage: randomDamage(prng, versions[1]) };
}

function randomDamage(prng: Prng, versionMax: number): Damage | null {
  if (!prng.nextBoolean(DAMAGED)) return null;
  const bytes = 1 + prng.nextInt(4);
  const kinds: Damage[] = [
    { kind: 'cut', bytes },
    { kind: 'append', bytes },
    { kind: 'version', version: versionMax + 1 },
  ];
  return pick(prng, kinds);
}

function pick<T>(prng: Prng, values: readonly T[]): T {
  const value = values[prng.nextInt(values.length)];
  if (value === undefined) throw new Error('nothing to choose from');
  return value;
}

/** Runs the steps of a plan on one broker; `skipped` leaves steps out, to find the shortest plan that still differs. */
export async function runPlan(plan: Plan, session: Session, skipped: ReadonlySet<number> = new Set()): Promise<void> {
  const memory = new Memory(session.prefix);
  for (const [index, step] of plan.steps.entries()) {
    if (skipped.has(index)) continue;
    const request = memory.resolve(step.template);
    const outcome = await runStep(step, session, request);
    if (outcome.kind === 'answer') memory.learn(ownPart(step.api.name, session.prefix, request, outcome.body));
  }
}

function runStep(step: PlannedStep, session: Session, request: unknown): Promise<Outcome> {
  const { api, version, damage, connection } = step;
  const isUnacknowledged =
    api.key === PRODUCE && typeof request === 'object' && Reflect.get(request ?? {}, 'acks') === 0;
  return session.attempt(api, version, request, {
    on: connection,
    ...(isUnacknowledged ? { waitMs: NO_ACK_MS, keepOnSilence: true } : {}),
    ...(BLOCKING_KEYS.has(api.key) ? { waitMs: BLOCKING_MS } : {}),
    ...(damage === null
      ? {}
      : { damage: { note: JSON.stringify(damage), apply: (frame: Buffer) => damaged(frame, damage) } }),
    ...(damage?.kind === 'version' && api.key === API_VERSIONS ? { decodeAs: 0 } : {}),
  });
}

function damaged(frame: Buffer, damage: Damage): Uint8Array {
  switch (damage.kind) {
    case 'cut':
      return frame.subarray(0, frame.length - damage.bytes);
    case 'append':
      return Buffer.concat([frame, Buffer.alloc(damage.bytes)]);
    case 'version':
      frame.writeInt16BE(damage.version, 2);
      return frame;
  }
}
