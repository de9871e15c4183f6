/** What the pages see of a running broker, read out of its parts. */
import type { ControlPlane } from '../apis/control-plane.ts';
import { must } from '../base/assert.ts';
import { sharedMonotonicMs, systemClock } from '../base/clock.ts';
import type { Controller } from '../cluster/controller.ts';
import type { Address } from '../config/addresses.ts';
import { FrontTallies } from '../net/front-tallies.ts';
import { roomOf } from '../storage/folder-room.ts';
import type { LogCleaner } from '../workers/log-cleaner.ts';
import type { LogScrubber } from '../workers/log-scrubber.ts';
import type { StartedWorkers } from '../workers/start-workers.ts';
import type { WorkerHost } from '../workers/worker-host.ts';
import { Board } from '../zerocopy/board.ts';
import { StageBoard, WORKER_STAGES } from '../zerocopy/stage-board.ts';
import type { BrokerView } from './broker-view.ts';

export interface LiveParts {
  readonly version: string;
  readonly listen: Address;
  readonly dataFolder: string;
  readonly ioPath: string;
  readonly workerCount: number;
  readonly controller: Controller;
  readonly host: WorkerHost;
  readonly plane: ControlPlane;
  readonly workers: StartedWorkers;
  readonly connections: BrokerView['connections'];
  readonly cleaner: LogCleaner;
  readonly scrubber: LogScrubber;
}

export function liveView(parts: LiveParts): BrokerView {
  const { dataFolder, controller, host, plane, workers, cleaner, scrubber } = parts;
  const tallies = must(workers.shared.tallies, 'an HTTP side has something to tell');
  return {
    version: parts.version,
    listen: parts.listen,
    dataFolder,
    ioPath: parts.ioPath,
    workers: parts.workerCount,
    controller,
    coordinator: plane.services.groups.coordinator,
    board: new Board(workers.shared.board),
    stages: new StageBoard(tallies.stages, WORKER_STAGES),
    fronts: tallies.fronts.map((memory) => new FrontTallies(memory, sharedMonotonicMs)),
    connections: parts.connections,
    answerErrors: must(plane.services.answerErrors, 'errors are counted for the HTTP side'),
    registry: plane.desk.registry,
    openSlots: host.open,
    cleaner: () => cleaner.figures,
    scrubber: () => scrubber.figures,
    logins: () => plane.loginCounts,
    room: () => roomOf(dataFolder),
    logs: () => host.standing(() => systemClock.nowMs()),
    nowMs: () => systemClock.nowMs(),
  };
}
