/**
 * Changes of settings as clients ask for them. IncrementalAlterConfigs edits single keys, AlterConfigs replaces the whole
 * set. Resources stand or fall one by one; those that stand are written together and in force everywhere before the
 * answer.
 */
import type { Catalog } from '../cluster/catalog.ts';
import type { CatalogRecord } from '../cluster/catalog-records.ts';
import type { Controller } from '../cluster/controller.ts';
import { errorCode } from '../protocol/errors.ts';
import { type ConfigTarget, type ConfigTexts, configTargetOf } from './config-targets.ts';
import { isConfigResourceType } from './configs.ts';
import { type Refusal, refusalOfLength, refuse } from './refusal.ts';

export const EDIT_SET = 0;
export const EDIT_DELETE = 1;
export const EDIT_APPEND = 2;
export const EDIT_SUBTRACT = 3;

export interface ConfigEdit {
  readonly key: string;
  /** One of EDIT_…, as the wire has it. */
  readonly operation: number;
  readonly value: string | null;
}

export interface ConfigChange {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly edits: readonly ConfigEdit[];
  /** What is not set by an edit goes away. */
  readonly replacesAll: boolean;
}

interface Planned {
  readonly refusal: Refusal | null;
  readonly record: CatalogRecord | null;
}

/** One entry a change, in their order; null: it is done (or could be). */
export function changeConfigs(
  controller: Controller,
  changes: readonly ConfigChange[],
  options: { readonly isOnlyCheck: boolean },
): Promise<readonly (Refusal | null)[]> {
  return controller.amend((catalog) => {
    const planned = planAll(controller, catalog, changes);
    const records = options.isOnlyCheck ? [] : planned.flatMap(({ record }) => record ?? []);
    return { records, outcome: planned.map(({ refusal }) => refusal) };
  });
}

function planAll(controller: Controller, catalog: Catalog, changes: readonly ConfigChange[]): Planned[] {
  const counts = new Map<string, number>();
  for (const change of changes) counts.set(nameOf(change), (counts.get(nameOf(change)) ?? 0) + 1);
  const malformed = changes.map((change) => {
    if ((counts.get(nameOf(change)) ?? 0) === 1) return refusalOfEdits(change.edits) ?? refusalOfType(change);
    return refuse(errorCode.INVALID_REQUEST, 'the request names this resource twice; name it once');
  });
  const unknown = changes.filter((_, index) => malformed[index] === null).flatMap(unknownOperations);
  const newGroups = new Set<string>();
  return changes.map((change, index) => {
    const refusal = malformed[index] ?? refusalOfOperation(unknown[0]);
    if (refusal !== null) return refused(refusal);
    const target = configTargetOf(
      catalog,
      controller.config,
      change.resourceType,
      change.resourceName,
      controller.settingsCheck,
      newGroups.size,
    );
    const planned = 'errorCode' in target ? refused(target) : planOne(target, change);
    const { record } = planned;
    if (record?.kind === 'group-configs' && !catalog.groupConfigs.has(record.group)) newGroups.add(record.group);
    return planned;
  });
}

function unknownOperations({ edits }: ConfigChange): readonly ConfigEdit[] {
  return edits.filter(({ operation }) => operation < EDIT_SET || operation > EDIT_SUBTRACT);
}

/** One of them spoils the whole request, as it does in Kafka. */
function refusalOfOperation(edit: ConfigEdit | undefined): Refusal | null {
  if (edit === undefined) return null;
  const message = `the operation ${edit.operation} on ${edit.key} is none of the four there are, so nothing was changed`;
  return refuse(errorCode.INVALID_REQUEST, message);
}

function nameOf(change: ConfigChange): string {
  return `${change.resourceType} ${change.resourceName}`;
}

function refused(refusal: Refusal): Planned {
  return { refusal, record: null };
}

function refusalOfEdits(edits: readonly ConfigEdit[]): Refusal | null {
  const keys = new Set<string>();
  for (const { key, operation, value } of edits) {
    if (keys.has(key)) {
      return refuse(
        errorCode.INVALID_REQUEST,
        `the request names the setting ${key} twice for one resource; name it once`,
      );
    }
    keys.add(key);
    if (value === null && operation !== EDIT_DELETE) {
      return refuse(errorCode.INVALID_REQUEST, `the setting ${key} has no value; give it one or delete it`);
    }
  }
  return null;
}

function refusalOfType({ resourceType }: ConfigChange): Refusal | null {
  if (isConfigResourceType(resourceType)) return null;
  return refuse(errorCode.INVALID_REQUEST, `there are no resources of the type ${resourceType}`);
}

function planOne(target: ConfigTarget, change: ConfigChange): Planned {
  const next = new Map(change.replacesAll ? [] : Object.entries(target.texts));
  const changed: string[] = [];
  for (const edit of change.edits) {
    if (edit.operation === EDIT_DELETE) {
      next.delete(edit.key);
      continue;
    }
    const text = edited(target, edit, next.get(edit.key));
    if (typeof text !== 'string') return refused(text);
    const tooLong = refusalOfLength(edit.key, text);
    if (tooLong !== null) return refused(tooLong);
    next.set(edit.key, text);
    changed.push(edit.key);
  }
  const texts: ConfigTexts = Object.fromEntries(next);
  const refusal = target.refusalOf(texts, changed);
  if (refusal !== null) return refused(refusal);
  const isNothing = isSame(target.texts, texts) && !target.isDoneAgain(changed);
  return { refusal: null, record: isNothing ? null : target.recordOf(texts) };
}

function edited(
  target: ConfigTarget,
  { key, operation, value }: ConfigEdit,
  current: string | undefined,
): string | Refusal {
  const given = value ?? '';
  if (operation === EDIT_SET) return given;
  if (target.settingOf(key)?.type !== 'list') {
    const message = `${key} is no setting that holds a list; set it instead of adding to it or taking from it`;
    return refuse(errorCode.INVALID_CONFIG, message);
  }
  const items = itemsOf(current ?? target.fallbackText(key));
  const wanted = itemsOf(given);
  if (operation === EDIT_SUBTRACT) return items.filter((item) => !wanted.includes(item)).join(',');
  return [...new Set([...items, ...wanted])].join(',');
}

function itemsOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function isSame(a: ConfigTexts, b: ConfigTexts): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
