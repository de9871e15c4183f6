/**
 * Requests nobody should send, from a seed: well-formed ones full of extreme values, made from the schemas; recorded
 * ones of real clients; and any of them changed, cut, or sewn to another. For the fuzzers of this folder.
 */
import { readFileSync } from 'node:fs';
import type { Api } from '../../src/protocol/api.ts';
import { elementOf, type FieldShape, isNullable, isPresent } from '../../src/protocol/fields.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { everyApi } from '../protocol/schemas.ts';
import type { Prng } from '../support/prng.ts';
import { requestBytes } from '../support/simulated-client.ts';
import { HostileBatches } from './hostile-batches.ts';

export interface Vocabulary {
  /** Names and ids that mean something to the broker under test. */
  readonly names: readonly string[];
  readonly ids: readonly string[];
}

interface Fixture {
  readonly frame: string;
}

const INTEGERS = [-1, 0, 1, 2, 3, 7, 100, 1000, 65_535, -2, 0x7fff_ffff, -0x8000_0000];
const LARGE = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 31, 2 ** 40];
const STRINGS = [
  '',
  '.',
  'x',
  'retention.ms',
  '7',
  'segment.bytes',
  'compression.type',
  'zstd',
  'cleanup.policy',
  'compact',
  'é\0',
  'y'.repeat(249),
  'z'.repeat(300),
  '__consumer_offsets',
];
const CHANGED_BYTES = [0, 1, 0x7f, 0x80, 0xff];
/** What a length or a count may be that no length or count should be: fixed ones, and varints, also those that never end. */
const LENGTHS = [
  [0x7f, 0xff, 0xff, 0xff],
  [0x80, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xfe],
  [0, 0x0f, 0x42, 0x40],
  [0x7f, 0xff],
  [0x80, 0x00],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x00],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
].map((bytes) => Uint8Array.from(bytes));
const ARRAY_MAX = 3;
const PARTITIONS_MAX = 8;
const ENCODINGS_TRIED = 20;
/** One frame in so many is a Produce, and one a Fetch, beside those that chance picks. */
const DATA_SHARE = 6;

export class HostileRequests {
  private readonly random: Prng;
  private readonly words: Vocabulary;
  private readonly recorded: readonly Uint8Array[];
  private readonly batches: HostileBatches;
  /** How many well-formed frames were made of each API and version, before any of them was changed. */
  readonly made = new Map<string, number>();

  constructor(random: Prng, words: Vocabulary) {
    this.random = random;
    this.words = words;
    const text = readFileSync(new URL('../protocol/fixtures/requests.json', import.meta.url), 'utf8');
    const fixtures: readonly Fixture[] = JSON.parse(text);
    this.recorded = fixtures.map(({ frame }) => framed(Uint8Array.from(Buffer.from(frame, 'hex'))));
    this.batches = new HostileBatches(random);
  }

  /** One frame, or what passes for one. */
  next(): Uint8Array {
    const kind = this.random.nextInt(10);
    const frame = kind < 7 ? this.wellFormed() : this.pick(this.recorded);
    if (kind < 5 || kind === 7) return frame;
    const changed = this.changed(frame);
    // Most keep an honest length: what lies behind the prefix is what should be reached.
    if (this.random.nextInt(30) > 0 && changed.length >= 4) {
      new DataView(changed.buffer).setInt32(0, changed.length - 4);
    }
    return changed;
  }

  private wellFormed(): Uint8Array {
    for (let attempt = 0; attempt < ENCODINGS_TRIED; attempt++) {
      const dice = this.random.nextInt(DATA_SHARE);
      const api = dice === 0 ? produce : dice === 1 ? fetch : this.pick(everyApi);
      const [first, last] = api.versions;
      const version = first + this.random.nextInt(last - first + 1);
      try {
        const bytes = requestBytes(
          api as Api<unknown, unknown>,
          version,
          this.random.nextWord() | 0,
          this.value(api.request, version),
        );
        const title = `${api.name} v${version}`;
        this.made.set(title, (this.made.get(title) ?? 0) + 1);
        return bytes;
      } catch {
        // Some versions cannot say what was made up for them.
      }
    }
    return this.pick(this.recorded);
  }

  private value(shape: FieldShape, version: number): unknown {
    const { random } = this;
    if (isNullable(shape, version) && random.nextInt(8) === 0) return null;
    switch (shape.kind) {
      case 'int8':
        return ((this.pick(INTEGERS) & 0xff) << 24) >> 24;
      case 'int16':
        return ((this.pick(INTEGERS) & 0xffff) << 16) >> 16;
      case 'int32':
        return random.nextInt(3) === 0 ? random.nextInt(PARTITIONS_MAX) : this.pick(INTEGERS);
      case 'int64':
      case 'clampedInt64':
        return random.nextBoolean() ? this.pick(INTEGERS) : this.pick(LARGE);
      case 'wideInt64':
        return BigInt(this.pick(LARGE));
      case 'uint16':
      case 'uint32':
      case 'float64':
        return random.nextInt(65_536);
      case 'boolean':
        return random.nextBoolean();
      case 'string':
        return random.nextInt(3) === 0 ? this.pick(STRINGS) : this.pick(this.words.names);
      case 'bytes':
      case 'records':
        return random.nextInt(6) === 0 ? this.changed(this.batches.next()) : this.batches.next();
      case 'uuid':
        return this.pick(this.words.ids);
      case 'array':
        return Array.from({ length: random.nextInt(ARRAY_MAX + 1) }, () => this.value(elementOf(shape), version));
      case 'struct':
        return this.struct(shape, version);
    }
  }

  private struct(shape: FieldShape, version: number): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (const { name, shape: member } of shape.members) {
      // What a version does not have can be said only as what its absence means.
      value[name] = isPresent(member, version)
        ? (this.special(name) ?? this.value(member, version))
        : member.defaultValue;
    }
    return value;
  }

  /** Where almost any value means the same and would hide the others. */
  private special(name: string): number | null {
    if (name === 'maxWaitMs' && this.random.nextInt(8) > 0) return this.random.nextInt(30);
    if (name === 'acks' && this.random.nextInt(8) > 0) return this.random.nextBoolean() ? -1 : 1;
    return null;
  }

  private changed(frame: Uint8Array): Uint8Array<ArrayBuffer> {
    const { random } = this;
    let bytes = Uint8Array.from(frame);
    for (let left = 1 + random.nextInt(3); left > 0 && bytes.length > 8; left--) {
      const at = 4 + random.nextInt(bytes.length - 4);
      switch (random.nextInt(8)) {
        case 0:
          bytes[at] = random.nextInt(256);
          break;
        case 1:
          bytes[at] = this.pick(CHANGED_BYTES);
          break;
        case 2:
          bytes = bytes.slice(0, at);
          break;
        case 3:
          bytes.fill(random.nextBoolean() ? 0xff : 0x7f, at, at + 4);
          break;
        case 4:
          bytes.set(this.pick(LENGTHS).subarray(0, bytes.length - at), at);
          break;
        case 5: {
          // A length where there was none: all that follows moves.
          const length = this.pick(LENGTHS);
          bytes = Uint8Array.from([...bytes.subarray(0, at), ...length, ...bytes.subarray(at)]);
          break;
        }
        case 6: {
          const other = this.pick(this.recorded);
          bytes = Uint8Array.from([...bytes.subarray(0, at), ...other.subarray(random.nextInt(other.length))]);
          break;
        }
        default:
          bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(Math.max(4, at - random.nextInt(16)))]);
      }
    }
    return bytes;
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.random.nextInt(values.length)] as T;
  }
}

function framed(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + body.length);
  new DataView(bytes.buffer).setInt32(0, body.length);
  bytes.set(body, 4);
  return bytes;
}
