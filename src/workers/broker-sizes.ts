/** How large the broker's shared structures are: from the settings and the machine, decided once at start. */
import { availableParallelism, totalmem } from 'node:os';
import type { BrokerValues } from '../config/broker-settings.ts';
import { BOARD_SLOTS_MAX } from '../zerocopy/layout.ts';
import { SLAB_BYTES_MAX } from '../zerocopy/slab.ts';

export interface BrokerSizes {
  readonly workers: number;
  readonly slotsMax: number;
  readonly laneSlots: number;
  readonly aideSlots: number;
  readonly controlSlots: number;
  readonly arenaBytes: number;
  /** Receive memory of each front. Reserved, not used: pages that no request touched cost nothing. */
  readonly slabBytes: number;
  readonly outboxBytes: number;
  readonly filesOpenMaxPerWorker: number;
}

const MEBIBYTE = 1_048_576;
const SLAB_BYTES_DEFAULT = 256 * MEBIBYTE;
const SLAB_BYTES_MIN = 16 * MEBIBYTE;
/** Of the machine's memory, for requests and responses together. */
const MEMORY_SHARE = 4;
const FILES_OPEN_MAX = 8192;

export function brokerSizes(values: BrokerValues): BrokerSizes {
  const cores = availableParallelism();
  const workers = values['perfbroker.workers'] ?? Math.max(1, cores - 1);
  const share = Math.max(SLAB_BYTES_MIN, Math.floor(totalmem() / MEMORY_SHARE));
  const wanted = values['queued.max.request.bytes'];
  const slabBytes = powerOfTwo(wanted > 0 ? Math.max(wanted, SLAB_BYTES_MIN) : Math.min(SLAB_BYTES_DEFAULT, share));
  return {
    workers,
    slotsMax: BOARD_SLOTS_MAX,
    laneSlots: 4096,
    aideSlots: 256,
    controlSlots: 1024,
    arenaBytes: MEBIBYTE,
    slabBytes,
    outboxBytes: powerOfTwo(Math.min(128 * MEBIBYTE, share)),
    filesOpenMaxPerWorker: Math.max(64, Math.floor(FILES_OPEN_MAX / workers)),
  };
}

/** The largest power of two not above it. */
function powerOfTwo(bytes: number): number {
  return Math.min(SLAB_BYTES_MAX, 2 ** Math.floor(Math.log2(bytes)));
}
