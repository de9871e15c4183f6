/** Somebody who turns at the settings of topics while others write and read: nothing of what they were promised changes. */
import { RESOURCE_TOPIC } from '../../src/protocol/schemas/32-describe-configs.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf } from './client-manners.ts';
import { LinkBroken } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { CODECS } from './topic-models.ts';
import { demand } from './violation.ts';

const CHOICES = [
  ['compression.type', CODECS],
  ['internal.segment.bytes', ['1500', '5000', '100000']],
  ['index.interval.bytes', ['0', '300', '4096']],
  ['segment.ms', ['50', '1000', '604800000']],
  ['message.timestamp.type', ['CreateTime', 'LogAppendTime']],
  ['file.delete.delay.ms', ['0', '700']],
] as const;

export async function tuner(simulation: Simulation, random: Prng): Promise<void> {
  while (simulation.isRunning) {
    const link = await simulation.connect();
    try {
      while (simulation.isRunning && !link.isBroken) {
        // The retention of the other one goes by the stamps of its producers.
        const resourceName = anyOf(random, ['orders', 'ledger', 'table']);
        const [name, values] = anyOf(random, CHOICES);
        const configs = [{ name, configOperation: 0, value: anyOf<string>(random, values) }];
        const resources = [{ resourceType: RESOURCE_TOPIC, resourceName, configs }];
        const answer = await link.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false });
        const code = answer.responses[0]?.errorCode ?? -1;
        demand(code === 0 || simulation.isDiskTroubled, `${name} of ${resourceName} is refused with error ${code}`);
        simulation.book.count(code === 0 ? 'settings tuned' : `tune error ${code}`);
        await simulation.pause(random.nextInt(400));
      }
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
    }
    link.break();
  }
}
