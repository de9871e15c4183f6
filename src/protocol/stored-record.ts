/**
 * Records that coordinators keep in topics of their own (`__consumer_offsets` and its like): a two-byte version, then
 * fields in the words of `fields.ts`. A key's version is the number of its kind, so that one topic can hold many kinds.
 * The layouts are Kafka's, so that its tools can read what we keep, and a folder of Kafka's can be taken over.
 */
import { decodeFields, encodeFields } from './compile.ts';
import { type Decoded, type Field, type Fields, type Input, struct } from './fields.ts';
import { protocolFault, Reader } from './reader.ts';
import { Writer } from './writer.ts';

export interface StoredRecord<Value = unknown, ValueInput = unknown> {
  readonly name: string;
  /** The number of a key's kind, null for values. */
  readonly kind: number | null;
  readonly versions: readonly [number, number];
  readonly flexibleSince: number;
  readonly fields: Field<Value, ValueInput>;
}

export interface StoredDefinition<F extends Fields> {
  readonly name: string;
  readonly kind?: number;
  readonly versions: readonly [number, number];
  readonly flexibleSince: number;
  readonly fields: F;
}

export function defineStored<const F extends Fields>(
  definition: StoredDefinition<F>,
): StoredRecord<Decoded<F>, Input<F>> {
  const { name, versions, flexibleSince } = definition;
  return { name, kind: definition.kind ?? null, versions, flexibleSince, fields: struct(definition.fields) };
}

export type StoredValueOf<R> = R extends StoredRecord<infer V, infer _1> ? V : never;
export type StoredInputOf<R> = R extends StoredRecord<infer _1, infer I> ? I : never;

/** Keys and values of coordinators are far smaller; a group of thousands of members is the largest. */
const STORED_BYTES_MAX = 64 << 20;
const VERSION_BYTES = 2;

/** Records are encoded into the same memory, one after the other, as long as they are small. */
const SCRATCH_BYTES = 64 << 10;
let scratch = new Writer(STORED_BYTES_MAX, SCRATCH_BYTES);

/** Bytes of their own. */
export function encodeStored<I>(record: StoredRecord<unknown, I>, version: number, value: I): Uint8Array {
  if (scratch.capacity > SCRATCH_BYTES) scratch = new Writer(STORED_BYTES_MAX, SCRATCH_BYTES);
  const writer = scratch;
  writer.reset();
  writer.int16(record.kind ?? version);
  encodeFields(record, record.fields, version, value, writer);
  return Buffer.from(writer.written());
}

/** Throws PB_PROTOCOL when the bytes are of another kind, of a version that is not known, or broken. */
export function decodeStored<V>(record: StoredRecord<V>, bytes: Uint8Array, elementsMax?: number): V {
  const reader = Reader.over(bytes, elementsMax);
  const prefix = reader.int16();
  if (record.kind !== null) {
    if (prefix !== record.kind) throw protocolFault(`${record.name} has the kind ${record.kind}, not ${prefix}`);
    return decodeFields(record, record.fields, record.versions[1], reader);
  }
  return decodeFields(record, record.fields, prefix, reader);
}

/** The kind of a key, or the version of a value; -1 when there are not even two bytes. */
export function storedKind(bytes: Uint8Array): number {
  return bytes.length < VERSION_BYTES ? -1 : ((((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)) << 16) >> 16;
}
