/** The logins of the broker put together: for each listener with SASL its mechanisms, and the desk where clients log in. */
import { addFirstUsers } from '../admin/first-users.ts';
import { refuse } from '../admin/refusal.ts';
import { credentialIn } from '../admin/scram-users.ts';
import type { Alarms } from '../base/alarms.ts';
import { must } from '../base/assert.ts';
import type { Logger } from '../base/logger.ts';
import type { Controller } from '../cluster/controller.ts';
import { type LoginTerms, loginTermsOf, type OauthTerms } from '../config/logins.ts';
import { errorCode } from '../protocol/errors.ts';
import { scramOf } from '../protocol/scram-keys.ts';
import type { SaslMechanism } from '../security/sasl-mechanism.ts';
import { SaslPlain } from '../security/sasl-plain.ts';
import { SaslScram } from '../security/sasl-scram.ts';
import type { ControlDesk } from './control-table.ts';
import { factsOf } from './define.ts';
import { type ListenerLogins, LoginDesk } from './login-desk.ts';

export interface LoginPlaneParts {
  readonly controller: Controller;
  readonly desk: ControlDesk;
  /** Names of those whose clients have to log in. */
  readonly listeners: readonly string[];
  readonly alarms: Alarms;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly log: Logger;
}

const PRETENCE_KEY_BYTES = 32;
const ILLEGAL = refuse(errorCode.ILLEGAL_SASL_STATE, 'the request has no place in a login');

export async function composeLogins(parts: LoginPlaneParts): Promise<LoginDesk> {
  const { controller, desk, alarms, log } = parts;
  if (parts.listeners.length > 0) await keepPretenceKey(parts);
  const firstUsers = controller.config.values['perfbroker.add.scram'];
  const added = firstUsers === null ? [] : await addFirstUsers(controller, firstUsers);
  if (added.length > 0) log.info(`users added: ${added.join(', ')}`);
  const listeners = new Map<string, ListenerLogins>();
  for (const name of parts.listeners) {
    const terms = loginTermsOf(controller.config, name);
    warnOfNobody(parts, terms);
    listeners.set(name, await loginsOf(parts, terms));
  }
  return new LoginDesk({
    listeners,
    flexibleSince: desk.registry.flexibleSince,
    answer: (frame, facts) => desk.handleFrame(frame, factsOf(facts)),
    answerIllegal: (frame, facts) => desk.refuseFrame(frame, factsOf(facts), ILLEGAL),
    failureDelayMs: controller.config.values['connection.failed.authentication.delay.ms'],
    alarms,
    log,
  });
}

/** Made once, so that the salts of users that do not exist stay the same, as those of users do. */
function keepPretenceKey({ controller, randomBytes }: LoginPlaneParts): Promise<void> {
  return controller.amend((catalog) => {
    if (catalog.pretenceKey !== '') return { records: [], outcome: undefined };
    const key = Buffer.from(randomBytes(PRETENCE_KEY_BYTES)).toString('base64');
    return { records: [{ kind: 'pretence-key', key }], outcome: undefined };
  });
}

/** A door that nobody can open is nearly always a mistake. */
function warnOfNobody({ controller, log }: LoginPlaneParts, { listener, mechanisms, users, oauth }: LoginTerms): void {
  const kept = [...controller.catalog.scramCredentials.values()];
  if (oauth !== null || users.size > 0 || kept.some(({ mechanism }) => mechanisms.includes(mechanism))) return;
  const remedy = "start with --add-scram 'SCRAM-SHA-512=[name=NAME,password-file=FILE]' to make a first user";
  log.warn(`nobody can log in on the listener ${listener}, since it knows no user; ${remedy}`);
}

async function loginsOf(parts: LoginPlaneParts, terms: LoginTerms): Promise<ListenerLogins> {
  const mechanisms = new Map<string, SaslMechanism>();
  for (const name of terms.mechanisms) mechanisms.set(name, await mechanismOf(parts, terms, name));
  return { mechanisms, lifetimeMaxMs: (mechanism) => terms.lifetimeMaxMs.get(mechanism) ?? 0 };
}

async function mechanismOf(parts: LoginPlaneParts, terms: LoginTerms, name: string): Promise<SaslMechanism> {
  const { controller } = parts;
  if (name === 'PLAIN') return new SaslPlain(terms.users);
  if (terms.oauth !== null && name === 'OAUTHBEARER') return await oauthOf(parts, terms.oauth);
  const mechanism = must(scramOf(name), 'the settings name mechanisms that there are');
  return new SaslScram({
    mechanism,
    credentialOf: (user) => credentialIn(controller.catalog, mechanism, user),
    pretenceKey: () => Buffer.from(controller.catalog.pretenceKey, 'base64'),
  });
}

/** Loaded only where it is wanted: what checks tokens costs some memory. */
async function oauthOf({ alarms, log }: LoginPlaneParts, terms: OauthTerms): Promise<SaslMechanism> {
  const [{ SaslOauth }, { SigningKeys }] = await Promise.all([
    import('../security/sasl-oauth.ts'),
    import('../security/signing-keys.ts'),
  ]);
  const nowMs = (): number => alarms.nowMs();
  const keys = new SigningKeys({
    url: terms.keysUrl,
    refreshMs: terms.keysRefreshMs,
    retryMs: terms.retryMs,
    retryMaxMs: terms.retryMaxMs,
    nowMs,
    warn: (message) => log.warn(message),
  });
  await keys.current(false);
  return new SaslOauth({ terms, keys, nowMs });
}
