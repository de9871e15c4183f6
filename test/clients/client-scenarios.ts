/**
 * What programs do with our client, scenario by scenario, each with topics and groups of its own: run on our broker and on
 * Apache Kafka with the same expectations. A scenario that only one of them fulfils accuses one of the two.
 */
import { administering, closing, limiting } from './scenarios/administering.ts';
import { breaking } from './scenarios/breaking.ts';
import { inGroups, moreGroups } from './scenarios/groups.ts';
import { producing } from './scenarios/producing.ts';
import { reading } from './scenarios/reading.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { transactionScenarios } from './scenarios/transactions.ts';

export const scenarios: readonly Scenario[] = [
  ...producing,
  ...breaking,
  ...reading,
  ...inGroups,
  ...moreGroups,
  ...transactionScenarios,
  ...administering,
  ...limiting,
  ...closing,
];
