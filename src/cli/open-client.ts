/** The client of a console command: where the broker is, by option, file or environment. */
import type { Admin } from '../client/admin.ts';
import { type Client, clientSecurityOf, createClient } from '../client/client.ts';
import type { Terminal } from './terminal.ts';
import { propertiesFrom } from './tool-properties.ts';

export interface BrokerChoice {
  readonly 'bootstrap-server': string | null;
  readonly 'command-config': string | null;
}

const BROKER_DEFAULT = 'localhost:9092';

export function openClient(choice: BrokerChoice, terminal: Terminal): Client {
  const path = choice['command-config'];
  const given = path === null ? new Map<string, string>() : propertiesFrom(path);
  const brokers =
    choice['bootstrap-server'] ??
    given.get('bootstrap.servers') ??
    terminal.environment['PERFBROKER_BOOTSTRAP_SERVER'] ??
    BROKER_DEFAULT;
  const timeoutMs = Number(given.get('request.timeout.ms') ?? '30000');
  return createClient({
    brokers,
    clientId: given.get('client.id') ?? 'perfbroker-cli',
    ...clientSecurityOf(given),
    ...(Number.isFinite(timeoutMs) ? { requestTimeoutMs: timeoutMs } : {}),
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
