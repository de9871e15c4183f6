/**
 * Brings a trace into the form in which two right brokers agree, by the table of normal-rules.ts. Labels are given by first
 * appearance in the whole session, so a topic's id must stay the same topic's id from answer to answer.
 */

import type { Exchange, Outcome } from './exchange.ts';
import { type NormalRule, normalRules, type Treatment } from './normal-rules.ts';
import { describeRecords } from './record-text.ts';

const listTreatments: ReadonlySet<Treatment['kind']> = new Set(['own', 'order', 'veil', 'merge']);
const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';

export interface Naming {
  /** The n-th different value of a kind; what means "none" keeps its value. */
  label(word: string, value: unknown): unknown;
}

export class Labels implements Naming {
  readonly #seen = new Map<string, Map<unknown, number>>();

  label(word: string, value: unknown): unknown {
    const isNone = value === '' || value === null || value === ZERO_UUID || (typeof value === 'number' && value < 0);
    if (isNone || (word === 'session' && value === 0)) return value;
    let values = this.#seen.get(word);
    if (values === undefined) {
      values = new Map();
      this.#seen.set(word, values);
    }
    let number = values.get(value);
    if (number === undefined) {
      number = values.size + 1;
      values.set(value, number);
    }
    return `${word}#${number}`;
  }
}

/**
 * An answer without what belongs to other sessions, but as it is otherwise. A session that learned another's ids from it
 * would write into topics and transactions that are not its own, and differ by chance.
 */
export function ownPart(api: string, prefix: string, request: unknown, answer: unknown): unknown {
  const asked = JSON.stringify(request) ?? '';
  const walk = (path: string, value: unknown): unknown => {
    if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) {
      const owner = treatmentOf(normalRules, api, path, 'own');
      const kept =
        owner?.kind === 'own' ? value.filter((one) => isOwn(fieldOf(one, owner.field), prefix, asked)) : value;
      return kept.map((one) => walk(`${path}[]`, one));
    }
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([name, one]) => [name, walk(path === '' ? name : `${path}.${name}`, one)]));
  };
  return walk('', answer);
}

export class NormalForm {
  readonly #labels = new Labels();
  readonly #prefix: string;
  readonly #rules: readonly NormalRule[];

  constructor(prefix: string, rules: readonly NormalRule[] = normalRules) {
    this.#prefix = prefix;
    this.#rules = rules;
  }

  outcomeOf(exchange: Exchange): Outcome {
    const { outcome } = exchange;
    if (outcome.kind === 'unreadable') return { kind: 'unreadable', reason: '' };
    if (outcome.kind !== 'answer') return outcome;
    // Ids that were asked for get their labels in the order of the request, which is the same at both brokers.
    this.#meet(exchange.request);
    const asked = JSON.stringify(exchange.request) ?? '';
    return { kind: 'answer', body: this.#walk(exchange.api, '', outcome.body, asked) };
  }

  #meet(request: unknown): void {
    if (typeof request !== 'object' || request === null || request instanceof Uint8Array) return;
    for (const [name, value] of Object.entries(request)) {
      if (name === 'topicId') this.#labels.label('topic-id', value);
      else this.#meet(value);
    }
  }

  #walk(api: string, path: string, value: unknown, asked: string): unknown {
    if (value instanceof Uint8Array) {
      return path.endsWith('records') ? describeRecords(value, this.#labels) : Buffer.from(value).toString('hex');
    }
    if (Array.isArray(value)) return this.#list(api, path, value, asked);
    if (typeof value !== 'object' || value === null) return this.#leaf(api, path, value);
    const entries = Object.entries(value).map(([name, one]): [string, unknown] => [
      name,
      this.#walk(api, path === '' ? name : `${path}.${name}`, one, asked),
    ]);
    return Object.fromEntries(entries);
  }

  #list(api: string, path: string, list: readonly unknown[], asked: string): unknown[] {
    const owner = this.#find(api, path, 'own');
    const mine =
      owner?.kind === 'own' ? list.filter((one) => isOwn(fieldOf(one, owner.field), this.#prefix, asked)) : [...list];
    const merge = this.#find(api, path, 'merge');
    const kept = merge?.kind === 'merge' ? merged(mine, merge.by, merge.list) : mine;
    const veil = this.#find(api, path, 'veil');
    if (veil?.kind === 'veil') {
      for (const [index, one] of kept.entries()) {
        const isVeiled = veil.is.includes(Number(fieldOf(one, veil.where)));
        if (isVeiled && typeof one === 'object') kept[index] = { ...one, [veil.field]: '*' };
      }
    }
    const order = this.#find(api, path, 'order');
    const by = order?.kind === 'order' ? order.by : [];
    // First by what is the same at both brokers, so that labels are given in the same order; then by the labels.
    if (by.length > 0) kept.sort((one, other) => compareBy(one, other, by));
    const walked = kept.map((one) => this.#walk(api, `${path}[]`, one, asked));
    if (by.length > 0) walked.sort((one, other) => compareBy(one, other, [...by, 'topicId', 'memberId', 'producerId']));
    return walked;
  }

  #leaf(api: string, path: string, value: unknown): unknown {
    const treatment = this.#find(api, path, null);
    switch (treatment?.kind) {
      case 'blank':
        return '*';
      case 'sign':
        return typeof value === 'number' ? ['negative', 'zero', 'positive'][Math.sign(value) + 1] : value;
      case 'text':
        return typeof value === 'string' && value !== '' ? 'text' : value;
      case 'label':
        return this.#labels.label(treatment.word, value);
      default:
        return value;
    }
  }

  #find(api: string, path: string, kind: 'own' | 'order' | 'veil' | 'merge' | null): Treatment | null {
    return treatmentOf(this.#rules, api, path, kind);
  }
}

function merged(list: readonly unknown[], by: readonly string[], inner: string): unknown[] {
  const byKey = new Map<string, unknown>();
  for (const one of list) {
    const key = JSON.stringify(by.map((field) => fieldOf(one, field)));
    const [before, more] = [fieldOf(byKey.get(key), inner), fieldOf(one, inner)];
    const isMore = Array.isArray(before) && Array.isArray(more) && typeof one === 'object';
    byKey.set(key, isMore ? { ...one, [inner]: [...before, ...more] } : one);
  }
  return [...byKey.values()];
}

function isOwn(name: unknown, prefix: string, asked: string): boolean {
  if (typeof name !== 'string' || name.startsWith(prefix)) return true;
  return asked.includes(JSON.stringify(name));
}

function treatmentOf(
  rules: readonly NormalRule[],
  api: string,
  path: string,
  kind: 'own' | 'order' | 'veil' | 'merge' | null,
): Treatment | null {
  for (const rule of rules) {
    const isList = listTreatments.has(rule.treatment.kind);
    if (kind === null ? isList : rule.treatment.kind !== kind) continue;
    if (rule.apis.test(api) && rule.path.test(path)) return rule.treatment;
  }
  return null;
}

/** Entries without any of the fields are ordered by all they say, once ids have become labels. */
function compareBy(one: unknown, other: unknown, fields: readonly string[]): number {
  if (typeof one !== 'object' || one === null) return compareLeaves(one, other);
  for (const field of fields) {
    const order = compareLeaves(fieldOf(one, field), fieldOf(other, field));
    if (order !== 0) return order;
  }
  return fields.includes('memberId') ? compareLeaves(JSON.stringify(one), JSON.stringify(other)) : 0;
}

function compareLeaves(one: unknown, other: unknown): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  const [left, right] = [String(one), String(other)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
