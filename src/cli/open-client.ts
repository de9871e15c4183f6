/** The client of a console command: where the broker is, by option, file or environment. */
import { Fault } from '../base/fault.ts';
import type { Admin } from '../client/admin.ts';
import { type Client, clientSecurityOf, createClient } from '../client/client.ts';
import type { Terminal } from './terminal.ts';
import { propertiesFrom } from './tool-properties.ts';

export interface BrokerChoice {
  readonly 'bootstrap-server': string | null;
  readonly 'command-config': string | null;
}

const BROKER_DEFAULT = 'localhost:9092';
const REQUEST_TIMEOUT_MS = '30000';
/** Longer ones Node takes for none at all. */
const TIMEOUT_MS_MAX = 2_147_483_647;

export function openClient(choice: BrokerChoice, terminal: Terminal): Client {
  const path = choice['command-config'];
  const given = path === null ? new Map<string, string>() : propertiesFrom(path);
  const brokers =
    choice['bootstrap-server'] ??
    given.get('bootstrap.servers') ??
    terminal.environment['PERFBROKER_BOOTSTRAP_SERVER'] ??
    BROKER_DEFAULT;
  const timeoutText = given.get('request.timeout.ms') ?? REQUEST_TIMEOUT_MS;
  const timeoutMs = Number(timeoutText);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > TIMEOUT_MS_MAX)
    throw new Fault('PB_BAD_SETTING', `request.timeout.ms=${timeoutText} is no whole number of milliseconds above 0`);
  return createClient({
    brokers,
    clientId: given.get('client.id') ?? 'perfbroker-cli',
    ...clientSecurityOf(given),
    requestTimeoutMs: timeoutMs,
  });
}

/** For commands that ask and tell: everything is closed afterwards, however it ended. */
export async function withAdmin(
  choice: BrokerChoice,
  terminal: Terminal,
  work: (admin: Admin) => Promise<number>,
): Promise<number> {
  const client = openClient(choice, terminal);
  try {
    return await work(client.admin());
  } finally {
    await client.close();
  }
}
