/** Random values that fit a schema in one version, and the seed with which a run of properties can be repeated. */
import fc from 'fast-check';
import type { Api } from '../../src/protocol/api.ts';
import { elementOf, type FieldShape, isNullable, isPresent } from '../../src/protocol/fields.ts';

const env: { readonly PB_SEED?: string } = process.env;
export const seed = Number(env.PB_SEED ?? Date.now() % 0x7fff_ffff);

export function parameters(numRuns: number): { seed: number; numRuns: number } {
  return { seed, numRuns };
}

/** `isComplete`: fields that may be left out are there nevertheless, as decoding gives them. */
export function valuesOf(shape: FieldShape, version: number, isComplete: boolean): fc.Arbitrary<unknown> {
  const present = presentValue(shape, version, isComplete);
  return isNullable(shape, version) ? fc.option(present, { nil: null, freq: 4 }) : present;
}

function presentValue(shape: FieldShape, version: number, isComplete: boolean): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'int8':
      return integers(-0x80, 0x7f);
    case 'int16':
      return integers(-0x8000, 0x7fff);
    case 'int32':
      return integers(-0x8000_0000, 0x7fff_ffff);
    case 'uint16':
      return integers(0, 0xffff);
    case 'uint32':
      return integers(0, 0xffff_ffff);
    case 'int64':
    case 'clampedInt64':
      return fc.oneof(fc.maxSafeInteger(), fc.constantFrom(-1, 0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER));
    case 'wideInt64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'float64':
      return fc.double({ noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'string':
      return fc.oneof({ weight: 20, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) }, longString);
    case 'bytes':
    case 'records':
      return fc.uint8Array({ maxLength: 200 });
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url'));
    case 'array':
      return fc.array(valuesOf(elementOf(shape), version, isComplete), { maxLength: 4 });
    case 'struct':
      return structOf(shape, version, isComplete);
  }
}

function integers(min: number, max: number): fc.Arbitrary<number> {
  return fc.oneof({ weight: 5, arbitrary: fc.integer({ min, max }) }, fc.constantFrom(min, max, 0));
}

const longString = fc.nat({ max: 400 }).map((length) => 'x'.repeat(length));

function structOf(shape: FieldShape, version: number, isComplete: boolean): fc.Arbitrary<unknown> {
  const values: Record<string, fc.Arbitrary<unknown>> = {};
  const required: string[] = [];
  for (const { name, shape: member } of shape.members) {
    if (!isPresent(member, version) && !member.isIgnorable) {
      values[name] = fc.constant(member.defaultValue);
    } else {
      const value = valuesOf(member, version, isComplete);
      const isOften = member.tag >= 0 || !member.isOptional;
      values[name] = isOften ? fc.oneof(value, fc.constant(member.defaultValue)) : value;
      if (member.nullableSince > version && member.defaultValue === null) values[name] = value;
    }
    if (isComplete || !member.isOptional) required.push(name);
  }
  return fc.record(values, { requiredKeys: required });
}

/** What decoding must give for an encoded value: every field there, those that the version lacks at their default. */
export function completed(shape: FieldShape, version: number, value: unknown): unknown {
  if (value === null) return null;
  if (shape.kind === 'array' && Array.isArray(value)) {
    return value.map((one) => completed(elementOf(shape), version, one));
  }
  if (shape.kind !== 'struct' || typeof value !== 'object') return value;
  const entries = shape.members.map(({ name, shape: member }): [string, unknown] => {
    const given: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
    const isKept = isPresent(member, version) && given !== undefined;
    return [name, isKept ? completed(member, version, given) : member.defaultValue];
  });
  return Object.fromEntries(entries);
}

/** Every version of every API, request and response. */
export function everyMessage(
  apis: readonly Api[],
): { title: string; api: Api; message: FieldShape; version: number }[] {
  return apis.flatMap((api) => {
    const [first, last] = api.versions;
    return Array.from({ length: last - first + 1 }, (_, index) => first + index).flatMap((version) => [
      { title: `${api.name} request v${version}`, api, message: api.request, version },
      { title: `${api.name} response v${version}`, api, message: api.response, version },
    ]);
  });
}
