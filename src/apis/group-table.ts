/** The APIs of consumer groups and of the offsets they commit. */
import { findCoordinatorHandler } from './10-find-coordinator.ts';
import type { ControlHandler } from './define.ts';

export const groupHandlers: readonly ControlHandler[] = [findCoordinatorHandler];
