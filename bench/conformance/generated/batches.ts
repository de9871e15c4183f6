/**
 * Record batches for produce requests: good ones of every codec, and each way of being wrong that a broker must notice.
 * Times are fixed, so that the same template gives the same bytes for both brokers.
 */
import { crc32c } from '../../../src/client/checksum.ts';
import {
  BATCH_ATTRIBUTES,
  BATCH_COUNT,
  BATCH_CRC,
  BATCH_LAST_OFFSET_DELTA,
  BATCH_LENGTH,
  BATCH_MAGIC,
  batchBytes,
  stampCrc,
} from '../../../src/protocol/batch.ts';
import { BatchBuilder } from '../../../src/protocol/batch-builder.ts';
import { memoryOver } from '../../../src/protocol/records.ts';

/** Within the last days, so that retention lets the records live; the same for the whole run. */
export const baseTimestampMs: number = Math.floor(Date.now() / 86_400_000) * 86_400_000;
const CONTROL_BIT = 0x20;
const TRANSACTIONAL_BIT = 0x10;
const UNUSED_BIT = 0x100;
const UNKNOWN_CODEC = 5;

export const flaws = [
  'none',
  'crc',
  'magic 1',
  'magic 0',
  'magic 3',
  'count too high',
  'count zero',
  'count negative',
  'last offset delta',
  'twice',
  'control',
  'transactional without producer',
  'unknown codec',
  'unused attribute',
  'truncated',
  'length too long',
  'length too short',
  'trailing bytes',
  'no bytes',
  'base offset',
  'garbage payload',
] as const;
export type Flaw = (typeof flaws)[number];

export interface BatchTemplate {
  readonly codec: number;
  readonly count: number;
  readonly valueBytes: number;
  readonly hasKeys: boolean;
  /** Days from now. */
  readonly dayShift: number;
  readonly flaw: Flaw;
  /** May be stand-ins. */
  readonly producerId: unknown;
  readonly producerEpoch: unknown;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
}

export function buildBatch(template: BatchTemplate, resolve: (value: unknown) => unknown): Uint8Array {
  const builder = new BatchBuilder(crc32c);
  for (let i = 0; i < template.count; i++) {
    builder.add({
      key: template.hasKeys ? Buffer.from(`key-${i % 3}`) : null,
      value: Buffer.alloc(template.valueBytes, `value-${i} `),
      timestamp: baseTimestampMs + template.dayShift * 86_400_000 + i,
      headers: i === 1 ? [{ key: 'header', value: Buffer.from('h') }] : [],
    });
  }
  const producerId = Number(resolve(template.producerId));
  const producerEpoch = Number(resolve(template.producerEpoch));
  // A plan may want a producer before any broker gave one.
  const isPlain = template.producerId instanceof Object && (producerId < 0 || producerEpoch < 0);
  const batch = builder.build({
    codec: template.codec,
    producerId: isPlain ? -1 : producerId,
    producerEpoch: isPlain ? -1 : producerEpoch,
    baseSequence: isPlain ? -1 : template.baseSequence,
    isTransactional: template.isTransactional && !isPlain,
  });
  return damage(batch, template.flaw);
}

function damage(batch: Uint8Array<ArrayBuffer>, flaw: Flaw): Uint8Array {
  const { view } = memoryOver(batch);
  const restamped = (change: () => void): Uint8Array => {
    change();
    stampCrc(memoryOver(batch), 0, batch.length, crc32c);
    return batch;
  };
  const withAttribute = (bit: number) =>
    restamped(() => view.setInt16(BATCH_ATTRIBUTES, view.getInt16(BATCH_ATTRIBUTES) | bit));
  switch (flaw) {
    case 'none':
      return batch;
    case 'crc':
      view.setInt32(BATCH_CRC, ~view.getInt32(BATCH_CRC));
      return batch;
    case 'magic 0':
    case 'magic 1':
    case 'magic 3':
      view.setInt8(BATCH_MAGIC, Number(flaw.at(-1)));
      return batch;
    case 'count too high':
      return restamped(() => view.setInt32(BATCH_COUNT, view.getInt32(BATCH_COUNT) + 1));
    case 'count zero':
      return restamped(() => view.setInt32(BATCH_COUNT, 0));
    case 'count negative':
      return restamped(() => view.setInt32(BATCH_COUNT, -1));
    case 'last offset delta':
      return restamped(() => view.setInt32(BATCH_LAST_OFFSET_DELTA, view.getInt32(BATCH_LAST_OFFSET_DELTA) + 2));
    case 'control':
      return withAttribute(CONTROL_BIT);
    case 'transactional without producer':
      return withAttribute(TRANSACTIONAL_BIT);
    case 'unknown codec':
      return withAttribute(UNKNOWN_CODEC);
    case 'unused attribute':
      return withAttribute(UNUSED_BIT);
    case 'base offset':
      view.setInt32(0, 1);
      return batch;
    case 'garbage payload':
      return restamped(() => batch.fill(0xff, BATCH_COUNT + 4));
    default:
      return resize(batch, flaw);
  }
}

function resize(batch: Uint8Array<ArrayBuffer>, flaw: Flaw): Uint8Array {
  const { view } = memoryOver(batch);
  switch (flaw) {
    case 'twice':
      return Buffer.concat([batch, batch]);
    case 'truncated':
      return batch.subarray(0, batchBytes(view, 0) - 5);
    case 'length too long':
      view.setInt32(BATCH_LENGTH, view.getInt32(BATCH_LENGTH) + 7);
      return batch;
    case 'length too short':
      view.setInt32(BATCH_LENGTH, 10);
      return batch;
    case 'trailing bytes':
      return Buffer.concat([batch, Buffer.from('trailing')]);
    default:
      return new Uint8Array(0);
  }
}
