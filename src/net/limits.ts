/**
 * Everything that bounds a front. The composition root fills it from the settings; tests make it tiny. No limit is
 * optional: whatever clients do, memory, descriptors and work per turn stay below what stands here.
 */
export interface FrontLimits {
  /** `socket.request.max.bytes`: a frame announced larger closes its connection. */
  readonly requestBytesMax: number;
  /** `max.connections` and `max.connections.per.ip`, of all fronts together, as they are at the start. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** `max.connections.per.ip.overrides` */
  readonly addressOverrides: ReadonlyMap<string, number>;
  /** `max.connection.creation.rate`, of all fronts together. */
  readonly creationRateMax: number;
  /** Of all fronts: more leave no descriptors for files. */
  readonly connectionsRoom: number;
  /** What this front has room for. */
  readonly connectionsPerFrontMax: number;
  /** `connections.max.idle.ms`: no byte in either direction for so long closes a connection. */
  readonly idleMs: number;
  /** Requests of one connection that are worked on at the same time. */
  readonly exchangesPerConnectionMax: number;
  /** Requests of all connections of this front together. */
  readonly exchangesMax: number;
  /** Response bytes in memory beyond which a connection is not read from, and its ready answers wait. */
  readonly outboxBytesPerConnectionMax: number;
  /** Smallest and largest receive block of an active connection (the largest frame may need a larger one). */
  readonly receiveBytesMin: number;
  readonly receiveBytesMax: number;
  /** A receive that got nothing for so long is cancelled, and its block goes back. */
  readonly receiveIdleMs: number;
  /** Memory is short for so long: the longest-stalled partial frame, or the slowest reader, is closed. */
  readonly memoryWaitMs: number;
  /** `max.incremental.fetch.session.cache.slots`, this front's share. */
  readonly fetchSessionsMax: number;
  /** A fetch session used more recently is not evicted for another. */
  readonly fetchSessionIdleMs: number;
  /** Regions up to so many bytes are read into the outbox; larger ones are sent from their file. */
  readonly regionCopyBytesMax: number;
  /** At most so many bytes of one response are copied from files; the rest is sent from them. */
  readonly responseCopyBytesMax: number;
  /** `fetch.max.bytes` of the broker: no fetch answer holds more record bytes. */
  readonly fetchBytesMax: number;
}

export const FRONT_LIMITS: FrontLimits = {
  requestBytesMax: 104_857_600,
  connectionsMax: 16_384,
  connectionsPerAddressMax: 16_384,
  addressOverrides: new Map(),
  creationRateMax: Number.POSITIVE_INFINITY,
  connectionsRoom: Number.POSITIVE_INFINITY,
  connectionsPerFrontMax: 16_384,
  idleMs: 600_000,
  exchangesPerConnectionMax: 128,
  exchangesMax: 65_536,
  outboxBytesPerConnectionMax: 65_536,
  receiveBytesMin: 16_384,
  receiveBytesMax: 4_194_304,
  receiveIdleMs: 1000,
  memoryWaitMs: 1000,
  fetchSessionsMax: 1000,
  fetchSessionIdleMs: 120_000,
  regionCopyBytesMax: 32_768,
  responseCopyBytesMax: 262_144,
  fetchBytesMax: 57_671_680,
};
