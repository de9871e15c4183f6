/** What the pages see of the broker; put together by whoever composes one, and only read here. */
import type { AnswerErrors } from '../apis/answer-errors.ts';
import type { Controller } from '../cluster/controller.ts';
import type { Address } from '../config/addresses.ts';
import type { GroupCoordinator } from '../groups/coordinator.ts';
import type { FrontTallies } from '../net/front-tallies.ts';
import type { Registry } from '../protocol/registry.ts';
import type { FolderRoom } from '../storage/folder-room.ts';
import type { CleanerFigures } from '../workers/log-cleaner.ts';
import type { ScrubFigures } from '../workers/log-scrubber.ts';
import type { LogsStanding } from '../workers/worker-host.ts';
import type { Board } from '../zerocopy/board.ts';
import type { StageBoard } from '../zerocopy/stage-board.ts';

/** `ready`: clients are served. */
export type BrokerState = 'starting' | 'recovering' | 'ready' | 'stopping';

export interface BrokerView {
  readonly version: string;
  readonly listen: Address;
  readonly dataFolder: string;
  readonly ioPath: string;
  readonly workers: number;
  readonly controller: Controller;
  readonly coordinator: GroupCoordinator;
  readonly board: Board;
  /** The workers' stage board. */
  readonly stages: StageBoard;
  readonly fronts: readonly FrontTallies[];
  /** Open connections by the listener's name. */
  readonly connections: () => ReadonlyMap<string, number>;
  readonly answerErrors: AnswerErrors;
  readonly registry: Registry;
  /** Slots of partitions that are open. */
  readonly openSlots: { readonly size: number; has(slot: number): boolean; keys(): Iterable<number> };
  readonly cleaner: () => CleanerFigures;
  readonly scrubber: () => ScrubFigures;
  /** Of clients, since the start. */
  readonly logins: () => { readonly done: number; readonly failed: number };
  readonly room: () => FolderRoom;
  readonly logs: () => Promise<LogsStanding>;
  readonly nowMs: () => number;
}
