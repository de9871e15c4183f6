/**
 * A partition worker unpacks and packs batches in a thread that never returns to its event loop. Packages that give memory
 * of their own, freed from there, made such a thread keep every batch it ever opened (snappy and LZ4 did).
 */
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { CODEC_GZIP, CODEC_LZ4, CODEC_SNAPPY, CODEC_ZSTD } from '../../src/protocol/batch.ts';

const CODECS = [CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD];
const INFLATED_BYTES = 1 << 20;
const ROUNDS = 300;
const GROWTH_BYTES_MAX = 120 << 20;

/** Vitest's loader is not there in a thread: the built code is. */
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const { readFileSync } = require('node:fs');
const resident = () => Number(/VmRSS:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
import(workerData.url).then(({ compress, decompress }) => {
  const grown = {};
  for (const codec of workerData.codecs) {
    const input = compress(codec, Buffer.alloc(workerData.bytes, 'abcdefgh1234'));
    for (let round = 0; round < 10; round++) decompress(codec, input, workerData.bytes);
    const before = resident();
    for (let round = 0; round < workerData.rounds; round++) {
      if (decompress(codec, input, workerData.bytes).length !== workerData.bytes) throw new Error('not whole');
    }
    grown[codec] = resident() - before;
  }
  parentPort.postMessage(grown);
});
`;

it.runIf(process.platform === 'linux')('whatever is unpacked there is given back', { timeout: 120_000 }, async () => {
  const url = new URL('../../dist/src/protocol/compression.js', import.meta.url).href;
  const workerData = { url, codecs: CODECS, bytes: INFLATED_BYTES, rounds: ROUNDS };
  const worker = new Worker(program, { eval: true, workerData });
  const grown = await new Promise<Record<number, number>>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await worker.terminate();
  for (const codec of CODECS) expect(grown[codec], `codec ${codec}`).toBeLessThan(GROWTH_BYTES_MAX);
});
