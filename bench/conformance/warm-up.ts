/**
 * Makes a fresh broker's internal topics before anything is compared: the first group, transaction and share group are
 * answered with "not yet" for a while, for as long as each broker takes.
 */
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { initProducerId } from '../../src/protocol/schemas/22-init-producer-id.ts';
import { Session } from './session.ts';
import { pause } from './visibility.ts';

const ATTEMPTS_MAX = 60;
const RETRY_MS = 100;
const GROUP = 0;
const TRANSACTION = 1;
const SHARE = 2;
const SOME_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

export async function warmUp(port: number): Promise<void> {
  const session = new Session(port, 'warm-up-');
  for (const keyType of [GROUP, TRANSACTION]) {
    await until(async () => {
      const request = { key: session.name('first'), keyType, coordinatorKeys: [] };
      return (await session.send(findCoordinator, 3, request)).errorCode === 0;
    });
  }
  await until(async () => {
    const request = { transactionalId: null, transactionTimeoutMs: 60_000 };
    return (await session.send(initProducerId, 1, request)).errorCode === 0;
  });
  await until(async () => {
    const request = { keyType: SHARE, coordinatorKeys: [`${session.name('first')}:${SOME_TOPIC_ID}:0`] };
    const { coordinators } = await session.send(findCoordinator, 6, request);
    return coordinators.every(({ errorCode }) => errorCode === 0);
  });
  session.close();
}

/** A broker that never says yes is compared as it is. */
async function until(isReady: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (await isReady()) return;
    await pause(RETRY_MS);
  }
}
