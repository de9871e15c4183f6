/**
 * All front threads of a broker as one thing: started side by side, told the same, stopped together. Called by the
 * broker. Fronts of one group have the same listeners: the plain ones, and those of TLS, which come after them and run on
 * plain Node. With several fronts in a group the first one listens, see `hand-over` for the kernel's paths; on plain Node,
 * where a socket cannot leave its thread, each listens on the same ports (`node-listening`).
 */

import { must } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { isTls, type Listener } from '../config/listeners.ts';
import type { IoPath } from './create-transport.ts';
import { createFrontCommons, type FrontCommons, ledgerOf } from './front-commons.ts';
import { frontListener } from './front-listener.ts';
import type { FrontPost, TlsRenewal } from './front-post.ts';
import type { FrontGroup } from './front-thread.ts';
import { leftInRing } from './hand-over.ts';
import { FRONT_LIMITS } from './limits.ts';
import { type StartedFront, type StartFrontParts, startFront } from './start-front.ts';
import type { TlsTerms } from './tls-terms.ts';
import type { ListenAddress } from './transport.ts';

export interface StartFrontsParts extends Omit<StartFrontParts, 'index' | 'commons' | 'group' | 'path'> {
  readonly listeners: readonly Listener[];
  /** By the listener's name, for those with TLS. */
  readonly tls: ReadonlyMap<string, TlsTerms>;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** Fronts of one group, in the order of their numbers. */
interface StartedGroup {
  readonly terms: FrontGroup;
  readonly sleepsInKernel: boolean;
  readonly fronts: readonly StartedFront[];
}

/** Where each listener listens, by its name. */
export type BoundListeners = ReadonlyMap<string, ListenAddress>;

export class StartedFronts {
  private readonly groups: readonly StartedGroup[];
  private readonly fronts: readonly StartedFront[];
  private readonly commons: FrontCommons;
  private readonly io: StartFrontParts['io'];

  constructor(groups: readonly StartedGroup[], commons: FrontCommons, io: StartFrontParts['io']) {
    this.groups = groups;
    this.fronts = groups.flatMap(({ fronts }) => fronts);
    this.commons = commons;
    this.io = io;
  }

  get count(): number {
    return this.fronts.length;
  }

  /** The ports are taken by all of them. */
  async ready(): Promise<BoundListeners> {
    const bound = await Promise.all(this.groups.map((group) => groupReady(group)));
    return new Map(bound.flat());
  }

  openDoors(): void {
    for (const front of this.fronts) front.openDoors();
  }

  /** Routes, quotas, limits: the same for all. */
  post(post: FrontPost): void {
    for (const front of this.fronts) front.port.post(post);
  }

  /** How many connections are open by each listener, over the fronts that serve it. */
  connectionsByListener(): ReadonlyMap<string, number> {
    const ledger = ledgerOf(this.commons, 0);
    const listeners = this.groups.flatMap(({ terms }) => terms.listeners);
    return new Map(listeners.map(({ name, number }) => [name, ledger.countOfListener(number)]));
  }

  /** New connections of the listener get these terms. */
  renewTls(listener: string, terms: TlsTerms): void {
    const group = this.groups.find(({ terms: { listeners } }) => listeners.some(({ name }) => name === listener));
    for (const front of group?.fronts ?? []) front.port.post({ kind: 'tls', listener, terms } satisfies TlsRenewal);
  }

  async stop(): Promise<void> {
    await Promise.all(this.fronts.map((front) => front.stop()));
    this.closeLeftOver();
  }

  /** To be awaited when the workers have stopped as well. */
  async ended(): Promise<void> {
    await Promise.all(this.fronts.map((front) => front.ended()));
  }

  abandon(): void {
    for (const front of this.fronts) front.abandon();
  }

  async terminate(): Promise<void> {
    await Promise.all(this.fronts.map((front) => front.terminate()));
    this.closeLeftOver();
  }

  /** Connections that were on their way to a front that ended first. */
  private closeLeftOver(): void {
    for (const ring of this.commons.handOver) for (const fd of leftInRing(ring)) this.io.native?.closeFd(fd);
  }
}

async function groupReady(group: StartedGroup): Promise<[name: string, address: ListenAddress][]> {
  const [first, ...others] = group.fronts;
  const bound = firstReady(group, must(first, 'a group has a front'), others);
  await Promise.all([bound, ...others.map((front) => front.ready())]);
  return bound;
}

async function firstReady(
  group: StartedGroup,
  first: StartedFront,
  others: readonly StartedFront[],
): Promise<[name: string, address: ListenAddress][]> {
  const { places } = await first.ready();
  if (places === null) throw new Fault('PB_THREAD', 'the first front of a group does not listen');
  if (!group.sleepsInKernel) for (const front of others) front.join(places);
  return places.map(({ address }, index) => [
    must(group.terms.listeners[index], 'a place has a listener').name,
    address,
  ]);
}

export function startFronts(parts: StartFrontsParts): StartedFronts {
  const { sizes, config, io, listeners } = parts;
  const bytes = parts.randomBytes(16);
  const commons = createFrontCommons({
    fronts: sizes.fronts,
    plainFronts: sizes.plainFronts,
    connectionsMax: FRONT_LIMITS.connectionsPerFrontMax * sizes.fronts,
    windowCount: config.values['quota.window.num'],
    secret: new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
  });
  const opened = listeners.map((listener, index) =>
    frontListener(listener, index, config, parts.tls.get(listener.name) ?? null),
  );
  const plain: FrontGroup = {
    first: 0,
    count: sizes.plainFronts,
    listeners: opened.filter(({ protocol }) => !isTls(protocol)),
  };
  const secured: FrontGroup = {
    first: sizes.plainFronts,
    count: sizes.fronts - sizes.plainFronts,
    listeners: opened.filter(({ protocol }) => isTls(protocol)),
  };
  const start = (group: FrontGroup, path: IoPath): StartedGroup => {
    const numbers = Array.from({ length: group.count }, (_, index) => group.first + index);
    const fronts = numbers.map((index) => startFront({ ...parts, index, commons, group, path }));
    return { terms: group, sleepsInKernel: path !== 'node', fronts };
  };
  const groups = [start(plain, io.path)];
  // TLS is done by Node, whatever the others do.
  if (secured.count > 0) groups.push(start(secured, 'node'));
  return new StartedFronts(groups, commons, io);
}
