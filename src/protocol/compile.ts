/**
 * Turns a schema into a specialised encoder and decoder for one version: it writes their source text and compiles it at
 * first use. Control plane and client call the four functions below; `interpret` does the same slowly and is the oracle
 * that tests compare with. Only names and numbers from schemas of ours get into source text, never anything from a peer.
 */
import type { Api } from './api.ts';
import { supports } from './api.ts';
import { bytesMin, elementOf, type Field, type FieldShape, isNullable, isPresent, type Member } from './fields.ts';
import { protocolFault, type Reader } from './reader.ts';
import type { Writer } from './writer.ts';

type Encode = (writer: Writer, value: unknown) => void;
type Decode = (reader: Reader) => unknown;

export function encodeRequest<I>(api: Api<unknown, I>, version: number, value: I, writer: Writer): void {
  encoderOf(api, api.request, version)(writer, value);
}

export function encodeResponse<I>(
  api: Api<unknown, unknown, unknown, I>,
  version: number,
  value: I,
  writer: Writer,
): void {
  encoderOf(api, api.response, version)(writer, value);
}

export function decodeRequest<D>(api: Api<D>, version: number, reader: Reader): D {
  return decoderOf(api, api.request, version)(reader) as D;
}

export function decodeResponse<D>(api: Api<unknown, unknown, D>, version: number, reader: Reader): D {
  return decoderOf(api, api.response, version)(reader) as D;
}

/** What carries versions besides an API: a record that coordinators store. */
export type Versioned = Pick<Api, 'name' | 'versions' | 'flexibleSince'>;

export function encodeFields<I>(
  versioned: Versioned,
  fields: Field<unknown, I>,
  version: number,
  value: I,
  writer: Writer,
): void {
  encoderOf(versioned, fields, version)(writer, value);
}

export function decodeFields<D>(versioned: Versioned, fields: Field<D, unknown>, version: number, reader: Reader): D {
  return decoderOf(versioned, fields, version)(reader) as D;
}

interface Compiled {
  readonly encoders: Encode[];
  readonly decoders: Decode[];
}

const compiledOf = new WeakMap<FieldShape, Compiled>();

function cacheOf(message: FieldShape): Compiled {
  let compiled = compiledOf.get(message);
  if (compiled === undefined) {
    compiled = { encoders: [], decoders: [] };
    compiledOf.set(message, compiled);
  }
  return compiled;
}

function encoderOf(api: Versioned, message: FieldShape, version: number): Encode {
  const { encoders } = cacheOf(message);
  const known = encoders[version];
  if (known !== undefined) return known;
  checkVersion(api, version);
  const source = new Source(version, version >= api.flexibleSince);
  source.encodeStruct(message, 'value');
  const encode: Encode = new Function('helpers', source.asFunction('writer, value'))(helpers);
  encoders[version] = encode;
  return encode;
}

function decoderOf(api: Versioned, message: FieldShape, version: number): Decode {
  const { decoders } = cacheOf(message);
  const known = decoders[version];
  if (known !== undefined) return known;
  checkVersion(api, version);
  const source = new Source(version, version >= api.flexibleSince);
  source.line(`return ${source.decodeStruct(message)};`);
  const decode: Decode = new Function('helpers', source.asFunction('reader'))(helpers);
  decoders[version] = decode;
  return decode;
}

function checkVersion(api: Versioned, version: number): void {
  if (supports(api, version)) return;
  throw protocolFault(
    `${api.name} version ${version} is not known; ${api.versions[0]} to ${api.versions[1]} are: use one of those`,
  );
}

const helpers = {
  empty: new Uint8Array(0),
  isNull(name: string): never {
    throw protocolFault(`the field ${name} must not be null in this version`);
  },
  isLost(name: string, version: number): never {
    throw protocolFault(`version ${version} cannot carry the field ${name}: use a newer version or its default`);
  },
};

class Source {
  readonly #version: number;
  readonly #isFlexible: boolean;
  readonly #lines: string[] = [];
  #names = 0;

  constructor(version: number, isFlexible: boolean) {
    this.#version = version;
    this.#isFlexible = isFlexible;
  }

  line(text: string): void {
    this.#lines.push(text);
  }

  asFunction(parameters: string): string {
    return `'use strict';\nreturn function (${parameters}) {\n${this.#lines.join('\n')}\n};`;
  }

  #name(): string {
    this.#names++;
    return `v${this.#names}`;
  }

  // ── decoding ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Emits reading of all members and returns the object literal that holds them. */
  decodeStruct(shape: FieldShape): string {
    const entries: string[] = [];
    const tags: { member: Member; name: string }[] = [];
    for (const member of shape.members) {
      const name = this.#name();
      const isHere = isPresent(member.shape, this.#version);
      entries.push(`${JSON.stringify(member.name)}: ${name}`);
      this.line(`let ${name} = ${literalOf(member.shape, member.shape.defaultValue)};`);
      if (isHere && member.shape.tag >= 0) tags.push({ member, name });
      else if (isHere) this.#decodeInto(name, member.shape, member.name);
    }
    if (this.#isFlexible) this.#decodeTags(tags);
    return `{ ${entries.join(', ')} }`;
  }

  #decodeTags(tags: { member: Member; name: string }[]): void {
    if (tags.length === 0) {
      this.line('reader.skipTags();');
      return;
    }
    const count = this.#name();
    const tag = this.#name();
    const end = this.#name();
    this.line(`for (let ${count} = reader.tagCount(); ${count} > 0; ${count}--) {`);
    this.line(`const ${tag} = reader.unsignedVarint(), ${end} = reader.tagEnd();`);
    this.line(`switch (${tag}) {`);
    for (const { member, name } of tags) {
      this.line(`case ${member.shape.tag}: {`);
      this.#decodeInto(name, member.shape, member.name);
      this.line(`reader.expectAt(${end}); break; }`);
    }
    this.line(`default: reader.at = ${end};`);
    this.line('} }');
  }

  #decodeInto(target: string, shape: FieldShape, fieldName: string): void {
    const refuseNull = isNullable(shape, this.#version) ? '' : `helpers.isNull(${JSON.stringify(fieldName)});`;
    switch (shape.kind) {
      case 'string':
      case 'bytes':
      case 'records': {
        const method = shape.kind === 'records' ? 'bytesView' : shape.kind;
        this.line(`${target} = reader.${method}(${this.#isFlexible});`);
        if (refuseNull !== '') this.line(`if (${target} === null) ${refuseNull}`);
        break;
      }
      case 'array':
        this.#decodeArray(target, elementOf(shape), fieldName, refuseNull);
        break;
      case 'struct':
        if (refuseNull === '') this.line(`if (reader.int8() <= ${nullMark(shape)}) ${target} = null; else {`);
        else this.line('{');
        this.line(`${target} = ${this.decodeStruct(shape)};`);
        this.line('}');
        break;
      default:
        this.line(`${target} = reader.${shape.kind}();`);
    }
  }

  #decodeArray(target: string, element: FieldShape, fieldName: string, refuseNull: string): void {
    const count = this.#name();
    const index = this.#name();
    const value = this.#name();
    const elementBytesMin = bytesMin(element, this.#version, this.#isFlexible);
    this.line(`const ${count} = reader.arrayCount(${this.#isFlexible}, ${elementBytesMin});`);
    this.line(`if (${count} < 0) { ${refuseNull} ${target} = null; } else {`);
    this.line(`${target} = [];`);
    this.line(`for (let ${index} = 0; ${index} < ${count}; ${index}++) {`);
    this.line(`let ${value};`);
    this.#decodeInto(value, element, fieldName);
    this.line(`${target}.push(${value});`);
    this.line('} }');
  }

  // ── encoding ──────────────────────────────────────────────────────────────────────────────────────────────────────

  encodeStruct(shape: FieldShape, value: string): void {
    const tags: { member: Member; name: string }[] = [];
    for (const member of shape.members) {
      const isHere = isPresent(member.shape, this.#version);
      if (!isHere && member.shape.isIgnorable) continue;
      const name = this.#name();
      this.line(`const ${name} = ${inputOf(member, value)};`);
      if (!isHere) {
        const lost = `helpers.isLost(${JSON.stringify(member.name)}, ${this.#version});`;
        this.line(`if (${differs(member.shape, name)}) ${lost}`);
      } else if (member.shape.tag >= 0) tags.push({ member, name });
      else this.#encodeValue(name, member.shape, member.name);
    }
    if (this.#isFlexible) this.#encodeTags(tags);
  }

  #encodeTags(tags: { member: Member; name: string }[]): void {
    const conditions = tags.map(({ member, name }) => differs(member.shape, name));
    this.line(
      `writer.unsignedVarint(${['0', ...conditions.map((condition) => `(${condition} ? 1 : 0)`)].join(' + ')});`,
    );
    const ordered = tags.map((tag, index) => ({ ...tag, condition: conditions[index] }));
    ordered.sort((one, other) => one.member.shape.tag - other.member.shape.tag);
    for (const { member, name, condition } of ordered) {
      const start = this.#name();
      this.line(`if (${condition}) {`);
      this.line(`const ${start} = writer.beginTag(${member.shape.tag});`);
      this.#encodeValue(name, member.shape, member.name);
      this.line(`writer.endTag(${start}); }`);
    }
  }

  #encodeValue(value: string, shape: FieldShape, fieldName: string): void {
    const mayBeNull = isNullable(shape, this.#version);
    const refuseNull = `helpers.isNull(${JSON.stringify(fieldName)});`;
    switch (shape.kind) {
      case 'string':
      case 'bytes':
      case 'records':
        if (!mayBeNull) this.line(`if (${value} == null) ${refuseNull}`);
        this.line(`writer.${shape.kind === 'records' ? 'bytes' : shape.kind}(${value}, ${this.#isFlexible});`);
        break;
      case 'array': {
        const index = this.#name();
        const element = this.#name();
        const ifNull = mayBeNull ? `writer.arrayCount(-1, ${this.#isFlexible});` : refuseNull;
        this.line(`if (${value} == null) { ${ifNull} } else {`);
        this.line(`writer.arrayCount(${value}.length, ${this.#isFlexible});`);
        this.line(`for (let ${index} = 0; ${index} < ${value}.length; ${index}++) {`);
        this.line(`const ${element} = ${value}[${index}];`);
        this.#encodeValue(element, elementOf(shape), fieldName);
        this.line('} }');
        break;
      }
      case 'struct':
        if (mayBeNull) this.line(`if (${value} === null) writer.int8(${nullMark(shape)}); else { writer.int8(1);`);
        else this.line(`if (${value} == null) ${refuseNull} else {`);
        this.encodeStruct(shape, value);
        this.line('}');
        break;
      default:
        this.line(`writer.${shape.kind}(${value});`);
    }
  }
}

/** What stands for null before a struct that may be null: Kafka marks tagged ones in another way. */
export function nullMark(shape: FieldShape): number {
  return shape.tag >= 0 ? 0 : -1;
}

/** The member of an object, or its default where it may be left out. */
function inputOf(member: Member, object: string): string {
  const access = `${object}[${JSON.stringify(member.name)}]`;
  if (!member.shape.isOptional) return access;
  return `${access} === undefined ? ${literalOf(member.shape, member.shape.defaultValue)} : ${access}`;
}

/** An expression that is true where the value is not the default. */
function differs(shape: FieldShape, value: string): string {
  const isNullDefault = shape.defaultValue === null;
  switch (shape.kind) {
    case 'array':
    case 'bytes':
    case 'records':
      return isNullDefault ? `(${value} !== null)` : `(${value} === null || ${value}.length !== 0)`;
    case 'struct':
      if (isNullDefault) return `(${value} !== null)`;
      return `(${value} === null || ${shape.members.map((member) => differs(member.shape, `(${inputOf(member, value)})`)).join(' || ')})`;
    default:
      return `(${value} !== ${literalOf(shape, shape.defaultValue)})`;
  }
}

function literalOf(shape: FieldShape, value: unknown): string {
  if (value === null) return 'null';
  if (shape.kind === 'array') return '[]';
  if (shape.kind === 'bytes' || shape.kind === 'records') return 'helpers.empty';
  if (shape.kind === 'wideInt64') return `${value}n`;
  if (shape.kind !== 'struct') return JSON.stringify(value);
  const entries = shape.members.map(
    (member) => `${JSON.stringify(member.name)}: ${literalOf(member.shape, member.shape.defaultValue)}`,
  );
  return `{ ${entries.join(', ')} }`;
}
