/** The packer of the native part against the decoder of a package: everything comes back, nothing is written beside the room. */
import { uncompressSync } from 'lz4-napi';
import { describe, expect, it } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { createPackLz4, lz4RoomFor } from '../../src/zerocopy/lz4-block.ts';
import { loadNative, memoryOf } from '../../src/zerocopy/native.ts';
import { Prng } from '../support/prng.ts';

const { native } = loadNative();
const EINVAL = -22;
const ENOSPC = -28;
const GUARD_BYTES = 64;
const GUARD = 0xa5;

/** By kind: noise, few letters, what stood a little before, text of numbers. */
function inputOf(random: Prng, kind: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const back = 1 + random.nextInt(300);
  for (let at = 0; at < length; at++) {
    const isCopied = at >= back && random.nextInt(60) > 0;
    if (kind === 0) bytes[at] = random.nextInt(256);
    else if (kind === 1) bytes[at] = random.nextInt(3);
    else if (kind === 2) bytes[at] = isCopied ? bytes[at - back]! : random.nextInt(256);
    else bytes[at] = `{"id":${at % 977},"ms":`.charCodeAt(at % 14);
  }
  return bytes;
}

/** The decoder wants the plain size in front. */
function unpack(block: Uint8Array, plainBytes: number): Uint8Array {
  const sized = Buffer.alloc(block.length + 4);
  sized.writeUInt32LE(plainBytes);
  sized.set(block, 4);
  return uncompressSync(sized);
}

describe.skipIf(native === null)('a block of LZ4', () => {
  const loaded = () => must(native, 'there is a native part');

  function packed(input: Uint8Array): Uint8Array {
    const pack = must(createPackLz4(native), 'there is a native part');
    const room = lz4RoomFor(input.length);
    const output = new Uint8Array(GUARD_BYTES + room + GUARD_BYTES).fill(GUARD);
    // The input ends with its memory, so that a read behind it is one behind the allocation too.
    const bytes = pack(memoryOf(input, native), 0, input.length, memoryOf(output, native), GUARD_BYTES, room);
    const beside = [...output.subarray(0, GUARD_BYTES), ...output.subarray(GUARD_BYTES + room)];
    expect(beside.every((byte) => byte === GUARD)).toBe(true);
    return output.slice(GUARD_BYTES, GUARD_BYTES + bytes);
  }

  it('gives back what went in, of every length to 80 bytes and around the bounds of its tables', () => {
    const random = new Prng(7);
    const lengths = Array.from({ length: 80 }, (_, index) => index + 1);
    for (const length of [...lengths, 65_535, 65_536, 65_537, 65_600, 200_000]) {
      for (let kind = 0; kind < 4; kind++) {
        const input = inputOf(random, kind, length);
        expect(Buffer.compare(unpack(packed(input), length), input), `kind ${kind}, ${length} bytes`).toBe(0);
      }
    }
  });

  it('gives back what went in, whatever it looks like (300 seeds)', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Prng(seed);
      const input = inputOf(random, random.nextInt(4), 1 + random.nextInt(seed % 10 === 0 ? 150_000 : 3000));
      expect(Buffer.compare(unpack(packed(input), input.length), input), `seed ${seed}`).toBe(0);
    }
  });

  it('ends with five literals and begins no match in the last twelve bytes, as older decoders demand', () => {
    expect([...packed(new Uint8Array(13).fill(1))]).toEqual([0x13, 1, 1, 0, 0x50, 1, 1, 1, 1, 1]);
    expect(packed(new Uint8Array(12).fill(1))).toHaveLength(13);
  });

  it('makes text at least as small as the package does, within a tenth', async () => {
    const { compressSync } = await import('lz4-napi');
    for (const length of [4000, 60_000, 400_000]) {
      const input = inputOf(new Prng(3), 2, length);
      const theirs = compressSync(Buffer.from(input)).length - 4;
      expect(packed(input).length).toBeLessThan(theirs * 1.1);
    }
  });

  it('says what is wrong with its arguments, and touches nothing', () => {
    const memory = memoryOf(new Uint8Array(4096), native);
    const at = memory.address;
    expect(loaded().lz4Pack(at, 1000, at + 2048, lz4RoomFor(1000) - 1)).toBe(ENOSPC);
    expect(loaded().lz4Pack(at, 0, at + 2048, 100)).toBe(EINVAL);
    expect(loaded().lz4Pack(at, -1, at + 2048, 100)).toBe(EINVAL);
    expect(loaded().lz4Pack(0, 10, at + 2048, 100)).toBe(EINVAL);
    expect(loaded().lz4Pack(at, 10, 0, 100)).toBe(EINVAL);
    expect(loaded().lz4Pack(at, 4_194_305, at, 10_000_000)).toBe(EINVAL);
    expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
  });
});
