/**
 * All front threads of a broker as one thing: started side by side, told the same, stopped together. Called by the
 * broker. With several of them the first one listens, see `hand-over` for the kernel's paths; on plain Node, where a
 * socket cannot leave its thread, each listens on the same port (`node-listening`).
 */

import { must } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { createFrontCommons, type FrontCommons } from './front-commons.ts';
import type { FrontPost } from './front-post.ts';
import { leftInRing } from './hand-over.ts';
import { FRONT_LIMITS } from './limits.ts';
import { type StartedFront, type StartFrontParts, startFront } from './start-front.ts';
import type { ListenAddress } from './transport.ts';

export interface StartFrontsParts extends Omit<StartFrontParts, 'index' | 'commons'> {
  readonly randomBytes: (count: number) => Uint8Array;
}

export class StartedFronts {
  private readonly fronts: readonly StartedFront[];
  private readonly commons: FrontCommons;
  private readonly io: StartFrontParts['io'];

  constructor(fronts: readonly StartedFront[], commons: FrontCommons, io: StartFrontParts['io']) {
    this.fronts = fronts;
    this.commons = commons;
    this.io = io;
  }

  get count(): number {
    return this.fronts.length;
  }

  /** The port is taken by all of them. */
  async ready(): Promise<ListenAddress> {
    const [first, ...others] = this.fronts;
    const bound = this.firstReady(must(first, 'a broker has a front'), others);
    await Promise.all([bound, ...others.map((front) => front.ready())]);
    return bound;
  }

  private async firstReady(first: StartedFront, others: readonly StartedFront[]): Promise<ListenAddress> {
    const { listen, listenerFd } = await first.ready();
    if (listen === null) throw new Fault('PB_THREAD', 'the first front does not listen');
    if (!this.io.sleepsInKernel) for (const front of others) front.join(listen, listenerFd);
    return listen;
  }

  openDoors(): void {
    for (const front of this.fronts) front.openDoors();
  }

  /** Routes, quotas, limits: the same for all. */
  post(post: FrontPost): void {
    for (const front of this.fronts) front.port.post(post);
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

export function startFronts(parts: StartFrontsParts): StartedFronts {
  const { sizes, config, io } = parts;
  const bytes = parts.randomBytes(16);
  const commons = createFrontCommons({
    fronts: sizes.fronts,
    connectionsMax: FRONT_LIMITS.connectionsPerFrontMax * sizes.fronts,
    windowCount: config.values['quota.window.num'],
    secret: new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
  });
  const fronts = Array.from({ length: sizes.fronts }, (_, index) => startFront({ ...parts, index, commons }));
  return new StartedFronts(fronts, commons, io);
}
