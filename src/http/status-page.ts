/** `/status`: how the broker is, in short. As long as a screen, however many topics and groups there are. */
import type { BrokerState, BrokerView } from './broker-view.ts';
import { groupsOf } from './group-metrics.ts';
import type { PageBody } from './page-body.ts';

/** Topics by name; of others only that they are there. */
const TOPICS_MAX = 100;

export async function writeStatus(view: BrokerView, state: BrokerState, body: PageBody): Promise<void> {
  body.add(`${JSON.stringify(statusOf(view, state), null, 2)}\n`);
  await body.room();
}

function statusOf(view: BrokerView, state: BrokerState): object {
  const { controller, listen } = view;
  const { catalog } = controller;
  const room = view.room();
  const memory = process.memoryUsage();
  return {
    state,
    version: view.version,
    nodeId: controller.config.values['node.id'],
    clusterId: catalog.clusterId,
    upSeconds: Math.round(process.uptime()),
    listen: { host: listen.host, port: listen.port },
    dataFolder: view.dataFolder,
    io: view.ioPath,
    threads: { fronts: view.fronts.length, workers: view.workers },
    memory: { residentBytes: memory.rss, mainHeapBytes: memory.heapUsed },
    disk: { sizeBytes: room.totalBytes, freeBytes: room.usableBytes },
    clients: clientsOf(view),
    groups: groupStates(view),
    ...topicsOf(view),
  };
}

function clientsOf({ fronts }: BrokerView): object {
  let connections = 0;
  let underWay = 0;
  let parked = 0;
  for (const { figures } of fronts) {
    connections += figures.connections;
    underWay += figures.exchanges;
    parked += figures.parked;
  }
  return { connections, requestsUnderWay: underWay, fetchesParked: parked };
}

function groupStates(view: BrokerView): object {
  const counts: Record<string, number> = {};
  for (const { stateName } of groupsOf(view)) counts[stateName] = (counts[stateName] ?? 0) + 1;
  return counts;
}

function topicsOf(view: BrokerView): object {
  const { controller, board, openSlots } = view;
  const { topicsByName } = controller.catalog;
  const topics: object[] = [];
  for (const { name, id, leaderEpochs } of topicsByName.values()) {
    if (topics.length === TOPICS_MAX) break;
    let records = 0;
    let offline = 0;
    for (const { slot } of controller.placesOf(id)) {
      if (openSlots.has(slot)) records += board.end(slot) - board.logStart(slot);
      else offline += 1;
    }
    topics.push({ name, partitions: leaderEpochs.length, offsets: records, ...(offline > 0 ? { offline } : {}) });
  }
  return { topics, topicsInAll: topicsByName.size };
}
