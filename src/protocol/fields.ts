/**
 * The words a schema is written in. A field is a small immutable description; the TypeScript type of the decoded value
 * travels with it, so that a schema is the only place where a message is spelled out. `compile` turns descriptions into
 * code that reads and writes bytes. Nothing here knows about bytes, requests or handlers.
 *
 * Every version of a message decodes to the same shape: a field that a version lacks takes its default. What a handler
 * gives for such a field is dropped when that version is encoded, unless the field says `notIgnorable`.
 */
export type FieldKind =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'clampedInt64'
  | 'wideInt64'
  | 'uint16'
  | 'uint32'
  | 'float64'
  | 'boolean'
  | 'string'
  | 'bytes'
  | 'records'
  | 'uuid'
  | 'array'
  | 'struct';

export interface FieldShape {
  readonly kind: FieldKind;
  /** What an array holds. */
  readonly element: FieldShape | null;
  /** Fields of a struct in wire order. */
  readonly members: readonly Member[];
  /** Versions that carry the field, both inclusive. */
  readonly firstVersion: number;
  readonly lastVersion: number;
  /** From this version on null may be sent; NEVER for fields that are never null. */
  readonly nullableSince: number;
  /** -1, or the number of a tagged field; tagged in every version that carries it. */
  readonly tag: number;
  readonly defaultValue: unknown;
  readonly isIgnorable: boolean;
  /** Whoever encodes may leave the field out. */
  readonly isOptional: boolean;
}

export interface Member {
  readonly name: string;
  readonly shape: FieldShape;
}

export const NEVER = 32_767;
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';

declare const decodedType: unique symbol;
declare const inputType: unique symbol;

/** `Decoded` is what reading gives, `Input` what writing takes; they differ where a field may be left out. */
export interface Field<Decoded, Input = Decoded, IsOptional extends boolean = boolean> extends FieldShape {
  readonly isOptional: IsOptional;
  readonly [decodedType]?: Decoded;
  readonly [inputType]?: Input;
}

export type Fields = Readonly<Record<string, Field<unknown, unknown>>>;

export type Decoded<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<infer D, infer _I> ? D : never;
};

type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K]['isOptional'] extends true ? K : never }[keyof F];

type InputValue<T> = T extends Field<infer _D, infer I> ? I : never;

export type Input<F extends Fields> = {
  [K in Exclude<keyof F, OptionalKeys<F>>]: InputValue<F[K]>;
} & { [K in OptionalKeys<F>]?: InputValue<F[K]> };

function leaf(kind: FieldKind, defaultValue: unknown): Omit<FieldShape, 'isOptional'> & { readonly isOptional: false } {
  return {
    kind,
    element: null,
    members: [],
    firstVersion: 0,
    lastVersion: NEVER,
    nullableSince: NEVER,
    tag: -1,
    defaultValue,
    isIgnorable: true,
    isOptional: false,
  };
}

type Plain<T> = Field<T, T, false>;

export const int8 = (): Plain<number> => leaf('int8', 0);
export const int16 = (): Plain<number> => leaf('int16', 0);
export const int32 = (): Plain<number> => leaf('int32', 0);
/** A number; what does not fit into 53 bits is refused. */
export const int64 = (): Plain<number> => leaf('int64', 0);
/** Like int64, but what does not fit into 53 bits is read as the nearest exact number: "as far as possible". */
export const clampedInt64 = (): Plain<number> => leaf('clampedInt64', 0);
/** All 64 bits, for what is no number (a hash): never on the data path. */
export const wideInt64 = (): Plain<bigint> => leaf('wideInt64', 0n);
export const uint16 = (): Plain<number> => leaf('uint16', 0);
export const uint32 = (): Plain<number> => leaf('uint32', 0);
export const float64 = (): Plain<number> => leaf('float64', 0);
export const boolean = (): Plain<boolean> => leaf('boolean', false);
export const string = (): Plain<string> => leaf('string', '');
const noBytes = new Uint8Array(0);
/** Decoded as a copy, so that it outlives the frame. */
export const bytes = (): Plain<Uint8Array> => leaf('bytes', noBytes);
/** Decoded as a view into the frame: valid only as long as the frame is. Null where a partition carries nothing. */
export const records = (): Plain<Uint8Array | null> => ({ ...leaf('records', null), nullableSince: 0 });
/** 16 bytes, shown as 22 characters of base64url like Kafka's tools show them; also the cheapest map key. */
export const uuid = (): Plain<string> => leaf('uuid', ZERO_UUID);

export function array<D, I>(of: Field<D, I>): Field<readonly D[], readonly I[], false> {
  return { ...leaf('array', []), element: of };
}

export function struct<const F extends Fields>(fields: F): Field<Decoded<F>, Input<F>, false> {
  const members = Object.entries(fields).map(([name, shape]) => ({ name, shape }));
  const defaultValue = Object.fromEntries(members.map(({ name, shape }) => [name, shape.defaultValue]));
  return { ...leaf('struct', defaultValue), members };
}

/** Null may be sent from version `sinceVersion` on. The default becomes null; `withDefault` outside says otherwise. */
export function nullable<D, I, O extends boolean>(
  field: Field<D, I, O>,
  sinceVersion = 0,
): Field<D | null, I | null, O> {
  return { ...field, nullableSince: sinceVersion, defaultValue: sinceVersion === 0 ? null : field.defaultValue };
}

export function since<D, I, O extends boolean>(version: number, field: Field<D, I, O>): Field<D, I, O> {
  return { ...field, firstVersion: version };
}

export function until<D, I, O extends boolean>(version: number, field: Field<D, I, O>): Field<D, I, O> {
  return { ...field, lastVersion: version };
}

export function between<D, I, O extends boolean>(first: number, last: number, field: Field<D, I, O>): Field<D, I, O> {
  return { ...field, firstVersion: first, lastVersion: last };
}

/** Absent fields decode to `value`, and whoever encodes may leave the field out. */
export function withDefault<D, I>(field: Field<D, I>, value: D): Field<D, I, true> {
  return { ...field, defaultValue: value, isOptional: true };
}

/** Sent only when it differs from its default; readers that do not know the tag skip it. */
export function tagged<D, I>(tag: number, field: Field<D, I>): Field<D, I, true> {
  return { ...field, tag, isOptional: true };
}

/** A version that cannot carry the field refuses to be encoded with a value other than the default. */
export function notIgnorable<D, I, O extends boolean>(field: Field<D, I, O>): Field<D, I, O> {
  return { ...field, isIgnorable: false };
}

export function isPresent(shape: FieldShape, version: number): boolean {
  return version >= shape.firstVersion && version <= shape.lastVersion;
}

export function isNullable(shape: FieldShape, version: number): boolean {
  return version >= shape.nullableSince;
}

/** The fewest bytes a value can have, at least 1: what a count of an array is checked against. */
export function bytesMin(shape: FieldShape, version: number, isFlexible: boolean): number {
  switch (shape.kind) {
    case 'int8':
    case 'boolean':
      return 1;
    case 'int16':
    case 'uint16':
      return 2;
    case 'int32':
    case 'uint32':
      return 4;
    case 'int64':
    case 'clampedInt64':
    case 'wideInt64':
    case 'float64':
      return 8;
    case 'uuid':
      return 16;
    case 'string':
      return isFlexible ? 1 : 2;
    case 'bytes':
    case 'records':
    case 'array':
      return isFlexible ? 1 : 4;
    case 'struct': {
      if (isNullable(shape, version)) return 1;
      let sum = isFlexible ? 1 : 0;
      for (const member of shape.members) {
        if (isPresent(member.shape, version) && member.shape.tag < 0)
          sum += bytesMin(member.shape, version, isFlexible);
      }
      return Math.max(1, sum);
    }
  }
}

export function elementOf(shape: FieldShape): FieldShape {
  if (shape.element === null) throw new TypeError('an array without an element type');
  return shape.element;
}
