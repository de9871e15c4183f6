/**
 * Walks the schema of a request and draws a value for every field from the pools, by mood: all ordinary, some borderline,
 * or some wrong. The result is a template; stand-ins in it are filled in per broker.
 */
import { elementOf, type FieldShape, isNullable, isPresent } from '../../../src/protocol/fields.ts';
import type { Prng } from '../../../test/support/prng.ts';
import { type BatchTemplate, flaws } from './batches.ts';
import { kindEdges, type Pool, pools } from './pools.ts';
import { Batch, Learn, Named } from './symbols.ts';

export type Mood = 'valid' | 'edge' | 'wrong';

const ODD_LEAF = 0.3;
const OPTIONAL_DEFAULT = 0.6;
const NULL_DEFAULT = 0.6;
const NULL_OTHER = 0.1;
const NO_PRODUCER = -1;
/** Where naming something twice has an answer of its own; elsewhere the brokers' maps would swallow one or the other. */
const mayRepeat = /^(?:CreateTopics|CreatePartitions|IncrementalAlterConfigs|AlterConfigs|FindCoordinator)$/;
/** Where the brokers are known to disagree whether a batch is good, their logs would part: those are for scripts. */
const disputed: ReadonlySet<string> = new Set([
  'magic 3',
  'unknown codec',
  'unused attribute',
  'trailing bytes',
  'base offset',
  'garbage payload',
]);
const drawnFlaws = flaws.filter((flaw) => !disputed.has(flaw));
const identifying = ['name', 'topic', 'topicName', 'topicId', 'partitionIndex', 'partition', 'groupId', 'resourceName'];

export class ValueSource {
  readonly #prng: Prng;
  readonly #api: string;
  readonly #version: number;
  readonly #mood: Mood;

  constructor(prng: Prng, api: string, version: number, mood: Mood) {
    this.#prng = prng;
    this.#api = api;
    this.#version = version;
    this.#mood = mood;
  }

  request(shape: FieldShape): unknown {
    return this.#struct('', shape);
  }

  #struct(path: string, shape: FieldShape): unknown {
    const value: Record<string, unknown> = {};
    for (const { name, shape: member } of shape.members) {
      const inner = path === '' ? name : `${path}.${name}`;
      if (!isPresent(member, this.#version)) {
        if (!member.isOptional) value[name] = member.defaultValue;
        continue;
      }
      const drawn = this.#field(inner, member);
      if (drawn !== undefined) value[name] = drawn;
      else if (!member.isOptional) value[name] = member.defaultValue;
    }
    return value;
  }

  #field(path: string, shape: FieldShape): unknown {
    if (shape.kind === 'records') return this.#records();
    const mayBeNull = isNullable(shape, this.#version);
    const pool = this.#poolOf(path);
    // Whole structs have no names to draw; a few pools give null or an object for them.
    const isWhole = shape.kind === 'struct' || shape.kind === 'array';
    if (pool !== undefined && (!isWhole || (pool.valid[0] ?? null) === null))
      return this.#fromPool(pool, mayBeNull, shape);
    if (mayBeNull && this.#prng.nextBoolean(shape.defaultValue === null ? NULL_DEFAULT : NULL_OTHER)) return null;
    if (shape.kind === 'array') return this.#array(path, elementOf(shape));
    if (shape.kind === 'struct') return this.#struct(path, shape);
    if (shape.isOptional && this.#prng.nextBoolean(OPTIONAL_DEFAULT)) return undefined;
    if (this.#isOdd() || shape.kind === 'boolean') return this.#pick(kindEdges[shape.kind]);
    return shape.defaultValue ?? this.#pick(kindEdges[shape.kind]);
  }

  #fromPool(pool: Pool, mayBeNull: boolean, shape: FieldShape): unknown {
    let from = pool.valid;
    if (pool.isFixed !== true && this.#isOdd()) {
      from = (this.#mood === 'edge' ? pool.edge : (pool.wrong ?? pool.edge)) ?? pool.valid;
      if (from.length === 0) from = pool.valid;
    }
    const drawn = this.#pick(from);
    return drawn === null && !mayBeNull ? shape.defaultValue : drawn;
  }

  #array(path: string, element: FieldShape): unknown[] {
    const roll = this.#prng.nextFraction();
    // Assignments by hand are rare, as with people.
    const isRare = /assignments$/.test(path) && this.#api !== 'SyncGroup';
    let count = roll < 0.7 ? 1 : roll < 0.9 ? 2 : 0;
    if (isRare && !this.#prng.nextBoolean(0.15)) count = 0;
    if (this.#isOdd() && this.#prng.nextBoolean(0.3)) count = this.#prng.nextInt(4);
    const drawn = Array.from({ length: count }, () => this.#field(`${path}[]`, element));
    return mayRepeat.test(this.#api) ? drawn : withoutRepeats(drawn);
  }

  #records(): unknown {
    const prng = this.#prng;
    const isFlawed = this.#mood !== 'valid' && prng.nextBoolean(0.5);
    const hasProducer = prng.nextBoolean(0.35);
    const template: BatchTemplate = {
      codec: prng.nextBoolean(0.6) ? 0 : prng.nextInt(5),
      count: 1 + prng.nextInt(3),
      valueBytes: prng.nextBoolean(0.9) ? prng.nextInt(40) : 2_000,
      hasKeys: prng.nextBoolean(0.7),
      dayShift: isFlawed && prng.nextBoolean(0.1) ? 30 : 0,
      flaw: isFlawed ? (drawnFlaws[prng.nextInt(drawnFlaws.length)] ?? 'none') : 'none',
      producerId: hasProducer ? new Learn('producerId', 0, NO_PRODUCER) : NO_PRODUCER,
      producerEpoch: hasProducer ? new Learn('producerEpoch', 0, NO_PRODUCER) : NO_PRODUCER,
      baseSequence: hasProducer ? prng.nextInt(5) : NO_PRODUCER,
      isTransactional: hasProducer && prng.nextBoolean(0.4),
    };
    return new Batch(template);
  }

  #isOdd(): boolean {
    return this.#mood !== 'valid' && this.#prng.nextBoolean(ODD_LEAF);
  }

  #poolOf(path: string): Pool | undefined {
    return pools.find((one) => (one.apis === undefined || one.apis.test(this.#api)) && one.path.test(path));
  }

  #pick(values: readonly unknown[]): unknown {
    return values[this.#prng.nextInt(values.length)];
  }
}

function withoutRepeats(drawn: readonly unknown[]): unknown[] {
  const byIdentity = new Map(drawn.map((one) => [JSON.stringify(identityOf(one)), one]));
  return [...byIdentity.values()];
}

function identityOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Learn || value instanceof Named) return value;
  const known = identifying.filter((name) => Object.hasOwn(value, name));
  return known.length === 0 ? value : known.map((name) => Reflect.get(value, name));
}
