/** Every script, area by area. */
import { administrationScripts } from './administration.ts';
import { clusterScripts } from './cluster.ts';
import { dataPlaneScripts } from './data-plane.ts';
import { consumerGroupScripts, groupScripts } from './groups.ts';
import type { RowScript } from './rows.ts';
import { shareGroupScripts } from './share-groups.ts';
import { transactionScripts } from './transactions.ts';

export const scripted: readonly RowScript[] = [
  ...clusterScripts,
  ...dataPlaneScripts,
  ...administrationScripts,
  ...groupScripts,
  ...consumerGroupScripts,
  ...shareGroupScripts,
  ...transactionScripts,
];
