/**
 * The same work as `compile`, done the plain way: it walks the description of a message for every value. Too slow for the
 * broker; the tests hold the compiled codecs against it, so what it lacks in speed it must have in clarity.
 */
import type { Api } from '../../src/protocol/api.ts';
import { bytesMin, elementOf, type FieldShape, isNullable, isPresent, type Member } from '../../src/protocol/fields.ts';
import { protocolFault, type Reader } from '../../src/protocol/reader.ts';
import { Writer } from '../../src/protocol/writer.ts';

const TAGGED_FIELD_BYTES_MAX = 64 * 1024 * 1024;

interface Layout {
  readonly version: number;
  readonly isFlexible: boolean;
}

function layoutOf(api: Api, version: number): Layout {
  return { version, isFlexible: version >= api.flexibleSince };
}

export function interpretEncode(api: Api, message: FieldShape, version: number, value: unknown, writer: Writer): void {
  encodeStruct(message, value, layoutOf(api, version), writer);
}

export function interpretDecode(api: Api, message: FieldShape, version: number, reader: Reader): unknown {
  return decodeStruct(message, layoutOf(api, version), reader);
}

// ── decoding ────────────────────────────────────────────────────────────────────────────────────────────────────────

function decodeStruct(shape: FieldShape, layout: Layout, reader: Reader): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const member of shape.members) {
    const isHere = isPresent(member.shape, layout.version) && member.shape.tag < 0;
    value[member.name] = isHere ? decodeValue(member, layout, reader) : member.shape.defaultValue;
  }
  if (!layout.isFlexible) return value;
  for (let count = reader.tagCount(); count > 0; count--) {
    const tag = reader.unsignedVarint();
    const end = reader.tagEnd();
    const member = shape.members.find((one) => one.shape.tag === tag && isPresent(one.shape, layout.version));
    if (member === undefined) {
      reader.at = end;
    } else {
      value[member.name] = decodeValue(member, layout, reader);
      reader.expectAt(end);
    }
  }
  return value;
}

function decodeValue(member: Member, layout: Layout, reader: Reader): unknown {
  const value = decodeNullable(member, layout, reader);
  if (value === null && !isNullable(member.shape, layout.version)) {
    throw protocolFault(`the field ${member.name} must not be null in this version`);
  }
  return value;
}

function decodeNullable(member: Member, layout: Layout, reader: Reader): unknown {
  const { shape } = member;
  switch (shape.kind) {
    case 'string':
      return reader.string(layout.isFlexible);
    case 'bytes':
      return reader.bytes(layout.isFlexible);
    case 'records':
      return reader.bytesView(layout.isFlexible);
    case 'struct':
      if (isNullable(shape, layout.version) && reader.int8() <= (shape.tag >= 0 ? 0 : -1)) return null;
      return decodeStruct(shape, layout, reader);
    case 'array': {
      const element = { name: member.name, shape: elementOf(shape) };
      const count = reader.arrayCount(layout.isFlexible, bytesMin(element.shape, layout.version, layout.isFlexible));
      if (count < 0) return null;
      return Array.from({ length: count }, () => decodeValue(element, layout, reader));
    }
    default:
      return reader[shape.kind]();
  }
}

// ── encoding ────────────────────────────────────────────────────────────────────────────────────────────────────────

function encodeStruct(shape: FieldShape, value: unknown, layout: Layout, writer: Writer): void {
  const tags: { member: Member; given: unknown }[] = [];
  for (const member of shape.members) {
    const given = givenOf(member, value);
    if (!isPresent(member.shape, layout.version)) {
      if (member.shape.isIgnorable || isDefault(member.shape, given)) continue;
      throw protocolFault(`version ${layout.version} cannot carry the field ${member.name}`);
    }
    if (member.shape.tag < 0) encodeValue(member, given, layout, writer);
    else if (!isDefault(member.shape, given)) tags.push({ member, given });
  }
  if (!layout.isFlexible) return;
  tags.sort((one, other) => one.member.shape.tag - other.member.shape.tag);
  writer.unsignedVarint(tags.length);
  for (const { member, given } of tags) {
    const body = new Writer(TAGGED_FIELD_BYTES_MAX);
    encodeValue(member, given, layout, body);
    writer.unsignedVarint(member.shape.tag);
    writer.unsignedVarint(body.at);
    writer.raw(body.written());
  }
}

function givenOf(member: Member, object: unknown): unknown {
  const given = isRecord(object) ? object[member.name] : undefined;
  return given === undefined && member.shape.isOptional ? member.shape.defaultValue : given;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isDefault(shape: FieldShape, value: unknown): boolean {
  if (shape.defaultValue === null || value === null) return value === shape.defaultValue;
  if (shape.kind === 'array') return Array.isArray(value) && value.length === 0;
  if (value instanceof Uint8Array) return value.length === 0;
  if (shape.kind === 'struct') {
    return shape.members.every((member) => isDefault(member.shape, givenOf(member, value)));
  }
  return value === shape.defaultValue;
}

function encodeValue(member: Member, value: unknown, layout: Layout, writer: Writer): void {
  const { shape } = member;
  const mayBeNull = isNullable(shape, layout.version);
  if (value === null && !mayBeNull) throw protocolFault(`the field ${member.name} must not be null in this version`);
  switch (shape.kind) {
    case 'string':
      writer.string(value === null ? null : String(value), layout.isFlexible);
      break;
    case 'bytes':
    case 'records':
      writer.bytes(value instanceof Uint8Array ? value : null, layout.isFlexible);
      break;
    case 'uuid':
      writer.uuid(String(value));
      break;
    case 'wideInt64':
      writer.wideInt64(typeof value === 'bigint' ? value : 0n);
      break;
    case 'boolean':
      writer.boolean(value === true);
      break;
    case 'struct':
      if (mayBeNull) writer.int8(value === null ? (shape.tag >= 0 ? 0 : -1) : 1);
      if (value !== null) encodeStruct(shape, value, layout, writer);
      break;
    case 'array': {
      writer.arrayCount(Array.isArray(value) ? value.length : -1, layout.isFlexible);
      const element = { name: member.name, shape: elementOf(shape) };
      if (Array.isArray(value)) for (const one of value) encodeValue(element, one, layout, writer);
      break;
    }
    default:
      writer[shape.kind](Number(value));
  }
}
