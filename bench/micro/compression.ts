/**
 * What the codecs cost on one batch of JSON-like records: time to load, milliseconds a megabyte each way, and how small
 * it gets; for zstd both what this Node has and the WebAssembly build. Run the built file:
 * `node dist/bench/micro/compression.js`. Takes about five seconds; the best of several rounds, to be compared only
 * within one run.
 */
import { CODEC_NAMES, compress, decompress, warmCodec } from '../../src/protocol/compression.ts';
import { lz4FrameOutputBytes } from '../../src/protocol/lz4-frame.ts';
import { zstdOutputBytesMax } from '../../src/protocol/zstd-frame.ts';
import { WasmZstd } from '../../src/protocol/zstd-wasm.ts';
import { createPackLz4, lz4RoomFor } from '../../src/zerocopy/lz4-block.ts';
import { loadNative, memoryOf } from '../../src/zerocopy/native.ts';
import { sampleText } from './checksums.ts';

const ROUNDS = 8;
const ROUND_MS = 50;
const MEGABYTE = 1_000_000;

function bestMs(act: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let count = 0;
    do {
      act();
      count++;
    } while (performance.now() - start < ROUND_MS);
    best = Math.min(best, (performance.now() - start) / count);
  }
  return best;
}

function report(name: string, input: Uint8Array, packed: Uint8Array, packMs: number, unpackMs: number | null): void {
  const perMegabyte = (ms: number) => ((ms * MEGABYTE) / input.length).toFixed(2).padStart(7);
  const share = ((100 * packed.length) / input.length).toFixed(0).padStart(3);
  const size = `${(input.length / 1000).toFixed(0)} KB`;
  const unpacking = unpackMs === null ? '' : `  decompress ${perMegabyte(unpackMs)} ms/MB`;
  const times = `compress ${perMegabyte(packMs)} ms/MB${unpacking}`;
  process.stdout.write(`${name.padEnd(12)} ${size.padStart(8)}  to ${share} %  ${times}\n`);
}

for (let codec = 1; codec < CODEC_NAMES.length; codec++) {
  const start = performance.now();
  warmCodec(codec);
  process.stdout.write(
    `${String(CODEC_NAMES[codec]).padEnd(12)} loads in ${(performance.now() - start).toFixed(1)} ms\n`,
  );
}
const { native } = loadNative();
const packLz4 = createPackLz4(native);
const startMs = performance.now();
const wasm = new WasmZstd();
process.stdout.write(`zstd (wasm)  loads in ${(performance.now() - startMs).toFixed(1)} ms\n`);

for (const bytes of [16_000, MEGABYTE]) {
  const input = sampleText(bytes);
  for (let codec = 1; codec < CODEC_NAMES.length; codec++) {
    const packed = compress(codec, input);
    const packMs = bestMs(() => compress(codec, input));
    const unpackMs = bestMs(() => decompress(codec, packed, input.length));
    report(String(CODEC_NAMES[codec]), input, packed, packMs, unpackMs);
  }
  if (packLz4 !== null) {
    const from = memoryOf(input, native);
    const to = memoryOf(new Uint8Array(lz4RoomFor(bytes)), native);
    const pack = () => packLz4(from, 0, bytes, to, 0, to.bytes.length);
    const packMs = bestMs(pack);
    report('lz4 (native)', input, to.bytes.subarray(0, pack()), packMs, null);
  }
  const packed = wasm.compress(input, 3);
  const packMs = bestMs(() => wasm.compress(input, 3));
  const unpackMs = bestMs(() => wasm.decompress(packed, input.length));
  report('zstd (wasm)', input, packed, packMs, unpackMs);
}

const large = sampleText(MEGABYTE);
const frame = compress(CODEC_NAMES.indexOf('lz4'), large);
process.stdout.write(
  `lz4 frame measured exactly: ${bestMs(() => lz4FrameOutputBytes(frame, large.length)).toFixed(3)} ms/MB\n`,
);
const zstdFrame = compress(CODEC_NAMES.indexOf('zstd'), large);
process.stdout.write(`zstd frame bounded: ${bestMs(() => zstdOutputBytesMax(zstdFrame)).toFixed(4)} ms/MB\n`);
