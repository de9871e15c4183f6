/**
 * Stand-ins in a generated request for what only a broker can say: ids of topics, members and producers, epochs, batches
 * made of them. A plan is made once, without a broker; each broker's memory of its own answers fills the stand-ins in.
 */
import { type BatchTemplate, buildBatch } from './batches.ts';

const KEPT_MAX = 8;

export type Learned =
  | 'topicId'
  | 'memberId'
  | 'producerId'
  | 'producerEpoch'
  | 'sessionId'
  | 'generationId'
  | 'memberEpoch';

export class Learn {
  readonly what: Learned;
  /** Counted from the newest; where so many were not learned, the fallback. */
  readonly back: number;
  readonly fallback: unknown;

  constructor(what: Learned, back: number, fallback: unknown) {
    this.what = what;
    this.back = back;
    this.fallback = fallback;
  }
}

/** A name that starts with the session's prefix. */
export class Named {
  readonly word: string;

  constructor(word: string) {
    this.word = word;
  }
}

/** Something that a script took from an earlier answer under a name of its own. */
export class Saved {
  readonly name: string;
  readonly fallback: unknown;

  constructor(name: string, fallback: unknown) {
    this.name = name;
    this.fallback = fallback;
  }
}

export class Batch {
  readonly template: BatchTemplate;

  constructor(template: BatchTemplate) {
    this.template = template;
  }
}

const learnedFields: Readonly<Record<string, Learned>> = {
  topicId: 'topicId',
  memberId: 'memberId',
  producerId: 'producerId',
  producerEpoch: 'producerEpoch',
  sessionId: 'sessionId',
  generationId: 'generationId',
  memberEpoch: 'memberEpoch',
};

export class Memory {
  readonly #prefix: string;
  readonly #values = new Map<Learned, unknown[]>();
  readonly #saved = new Map<string, unknown>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Values that are not there or mean "none" teach nothing. */
  learn(answer: unknown): void {
    if (Array.isArray(answer)) {
      const ordered = answer.toSorted((one, other) => nameOf(one).localeCompare(nameOf(other)));
      for (const one of ordered) this.learn(one);
      return;
    }
    if (typeof answer !== 'object' || answer === null || answer instanceof Uint8Array) return;
    for (const [field, value] of Object.entries(answer)) {
      const what = learnedFields[field];
      if (what === undefined) this.learn(value);
      else this.#keep(what, value);
    }
  }

  save(name: string, value: unknown): void {
    this.#saved.set(name, value);
  }

  resolve(template: unknown): unknown {
    if (template instanceof Saved) return this.#saved.get(template.name) ?? template.fallback;
    if (template instanceof Named) return this.#prefix + template.word;
    if (template instanceof Learn) return this.#learned(template);
    if (template instanceof Batch) return buildBatch(template.template, (inner) => this.resolve(inner));
    if (Array.isArray(template)) return template.map((one) => this.resolve(one));
    if (typeof template !== 'object' || template === null || template instanceof Uint8Array) return template;
    return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, this.resolve(value)]));
  }

  #keep(what: Learned, value: unknown): void {
    if (value === '' || value === 'AAAAAAAAAAAAAAAAAAAAAA' || value === null) return;
    if (typeof value === 'number' && value < 0) return;
    const values = this.#values.get(what) ?? [];
    // Answers name topics in an order of their own, so an id that is known already keeps its place.
    if (what === 'topicId' && values.includes(value)) return;
    this.#values.set(what, [value, ...values.filter((known) => known !== value)].slice(0, KEPT_MAX));
  }

  #learned(template: Learn): unknown {
    return this.#values.get(template.what)?.[template.back] ?? template.fallback;
  }
}

function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  const name: unknown = Reflect.get(value, 'name') ?? Reflect.get(value, 'groupId');
  return typeof name === 'string' ? name : '';
}
