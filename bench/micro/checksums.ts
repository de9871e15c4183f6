/** CRC-32C in the native part and in TypeScript, and the compression codecs, over bytes like those that people send. */
import { CODEC_NAMES, compress, decompress, warmCodec } from '../../src/protocol/compression.ts';
import { createCrc32c } from '../../src/zerocopy/crc32c.ts';
import { loadNative, memoryOf } from '../../src/zerocopy/native.ts';
import type { Subject } from './subject.ts';

const KIB = 1024;
const CALLS = 16;

export function checksumSubjects(): Subject[] {
  const { native } = loadNative();
  const sizes = [KIB, 64 * KIB];
  const own = sizes.map((bytes) => crcSubject('CRC-32C in the native part', bytes, createCrc32c(native), native));
  return [...(native === null ? [] : own), crcSubject('CRC-32C in TypeScript', KIB, createCrc32c(null), null)];
}

type NativePart = ReturnType<typeof loadNative>['native'];

function crcSubject(name: string, bytes: number, crc: ReturnType<typeof createCrc32c>, native: NativePart): Subject {
  const memory = memoryOf(new Uint8Array(new SharedArrayBuffer(bytes)).fill(7), native);
  let sum = 0;
  const run = (): void => {
    for (let index = 0; index < CALLS; index++) sum = (sum + crc(memory, 0, bytes)) | 0;
  };
  return { name: `${name}, ${bytes / KIB} KiB`, operations: CALLS, isHot: true, run };
}

/** Per call, not per byte; their outputs are garbage by nature. */
export function compressionSubjects(): Subject[] {
  const input = sampleText(16_000);
  const subjects: Subject[] = [];
  for (let codec = 1; codec < CODEC_NAMES.length; codec++) {
    warmCodec(codec);
    const packed = compress(codec, input);
    const name = `${String(CODEC_NAMES[codec])}, 16 KB`;
    const call = (run: () => void) => ({ operations: 1, isHot: false, run });
    subjects.push({ name: `compress: ${name}`, ...call(() => void compress(codec, input)) });
    subjects.push({ name: `decompress: ${name}`, ...call(() => void decompress(codec, packed, input.length)) });
  }
  return subjects;
}

/** Half text that repeats, half numbers that do not, as logs and events have it; the same bytes in every run. */
export function sampleText(bytes: number): Uint8Array {
  let seed = 12_345;
  let text = '';
  while (text.length < bytes) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    text += `{"id":${seed},"kind":"order-placed","customer":"c-${seed % 5000}","total":${seed % 99_991},"ok":true}\n`;
  }
  return Buffer.from(text.slice(0, bytes));
}
