/**
 * The APIs that fronts answer by themselves, by key: everything else goes to the control plane. Each API keeps cursors,
 * writers and sessions of its own, so a table belongs to one front.
 */
import { ProduceApi } from './00-produce.ts';
import { FetchApi } from './01-fetch.ts';
import { createListOffsetsApi } from './02-list-offsets.ts';
import { createOffsetForLeaderEpochApi } from './23-offset-for-leader-epoch.ts';
import type { GuardedDataApi } from './access.ts';

export type DataTable = readonly (GuardedDataApi | undefined)[];

export function createDataTable(): DataTable {
  const table: (GuardedDataApi | undefined)[] = [];
  const apis = [new ProduceApi(), new FetchApi(), createListOffsetsApi(), createOffsetForLeaderEpochApi()];
  for (const api of apis) table[api.key] = api;
  return table;
}
