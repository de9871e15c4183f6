/** How large the broker's shared structures are: from the settings and the machine, decided once at start. */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import type { BrokerValues } from '../config/broker-settings.ts';
import { isTls, listenersOf } from '../config/listeners.ts';
import { BOARD_SLOTS_MAX } from '../zerocopy/layout.ts';
import { SLAB_BYTES_MAX } from '../zerocopy/slab.ts';

export interface BrokerSizes {
  /** All of them, the plain ones first. */
  readonly fronts: number;
  readonly plainFronts: number;
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
  /** So many connections of all fronts leave descriptors for files. */
  readonly connectionsRoom: number;
}

const MEBIBYTE = 1_048_576;
const SLAB_BYTES_DEFAULT = 256 * MEBIBYTE;
const SLAB_BYTES_MIN = 16 * MEBIBYTE;
const OUTBOX_BYTES_MAX = 128 * MEBIBYTE;
/** A slot in each direction. */
const LANE_SLOT_BYTES = 128;
const LANE_SLOTS_MAX = 4096;
const LANE_SLOTS_MIN = 256;
/** Of the lanes between fronts and workers, all together. */
const LANES_BYTES_MAX = 256 * MEBIBYTE;
/** Of the memory that the process may use: a quarter at most for requests, and one for responses. */
const MEMORY_SHARE = 4;
const FILES_OPEN_MAX = 8192;
/** Of the descriptors the process may have, what is kept for files, and what it has when it has started. */
const FILES_SHARE = 8;
const DESCRIPTORS_AT_START = 64;

export function brokerSizes(values: BrokerValues): BrokerSizes {
  const cores = availableParallelism();
  const plainFronts = values['perfbroker.fronts'];
  const hasTls = listenersOf(values).some(({ protocol }) => isTls(protocol));
  const fronts = plainFronts + (hasTls ? values['perfbroker.tls.fronts'] : 0);
  const workers = values['perfbroker.workers'] ?? Math.max(1, cores - fronts);
  const share = Math.floor(memoryBytes(totalmem(), process.constrainedMemory()) / MEMORY_SHARE);
  const wanted = values['queued.max.request.bytes'];
  const slabBytes = wanted > 0 ? wanted : Math.min(SLAB_BYTES_DEFAULT * fronts, share);
  return {
    fronts,
    plainFronts,
    workers,
    slotsMax: BOARD_SLOTS_MAX,
    laneSlots: powerOfTwo(
      clamp(LANES_BYTES_MAX / (fronts * workers * LANE_SLOT_BYTES), LANE_SLOTS_MIN, LANE_SLOTS_MAX),
    ),
    aideSlots: 256,
    controlSlots: 1024,
    arenaBytes: MEBIBYTE,
    slabBytes: powerOfTwo(Math.max(slabBytes / fronts, SLAB_BYTES_MIN)),
    outboxBytes: powerOfTwo(clamp(share / fronts, SLAB_BYTES_MIN, OUTBOX_BYTES_MAX)),
    filesOpenMaxPerWorker: Math.max(64, Math.floor(FILES_OPEN_MAX / workers)),
    connectionsRoom: connectionsRoom(limitsText()),
  };
}

/** `limits` is the text of /proc/self/limits; a system without one bounds nothing here. */
export function connectionsRoom(limits: string): number {
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (descriptors === Number.POSITIVE_INFINITY) return descriptors;
  const kept = DESCRIPTORS_AT_START + Math.min(FILES_OPEN_MAX, Math.floor(descriptors / FILES_SHARE));
  return Math.max(1, descriptors - kept);
}

function limitsText(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}

/** What the process may use: of a machine, or of the control group (a container, a service) that it runs in. */
export function memoryBytes(machineBytes: number, groupBytes: number): number {
  return groupBytes > 0 && groupBytes < machineBytes ? groupBytes : machineBytes;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

/** The largest power of two not above it. */
function powerOfTwo(bytes: number): number {
  return Math.min(SLAB_BYTES_MAX, 2 ** Math.floor(Math.log2(bytes)));
}
