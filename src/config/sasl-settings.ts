/** Settings about logins (SASL), under Kafka's own keys. Those that a listener may have of its own: see `scoped-settings`. */
import { int, list, long, password, type SettingTable, string } from './settings.ts';

export const saslMechanismNames = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;

export const saslBrokerSettings = {
  'sasl.enabled.mechanisms': list([], 'How clients may log in on listeners with SASL.', {
    choices: saslMechanismNames,
  }),
  'sasl.jaas.config': password(
    null,
    'Users of PLAIN as Kafka writes them: org.apache.kafka.common.security.plain.PlainLoginModule required user_NAME="PASSWORD";',
  ),
  'perfbroker.add.scram': password(
    null,
    'Users that are made at the start if they are missing: SCRAM-SHA-512=[name=NAME,password-file=FILE], several behind each other.',
    { flag: { name: 'add-scram', alias: null, placeholder: 'USERS' } },
  ),
  'sasl.server.max.receive.size': int(
    524_288,
    'Largest message taken from a client that has not logged in; a listener may have its own.',
    {
      min: 1024,
      unit: 'bytes',
    },
  ),
  'connections.max.reauth.ms': long(
    0,
    'Clients have to log in again after so long; 0: only when what they showed expires.',
    {
      min: 0,
      unit: 'ms',
    },
  ),
  'connection.failed.authentication.delay.ms': int(
    100,
    'Whoever failed to log in is told so, and closed, after so long.',
    {
      min: 0,
      max: 10_000,
      unit: 'ms',
    },
  ),
  'sasl.oauthbearer.jwks.endpoint.url': string(
    null,
    'Where the keys that tokens are signed with are: https://, http:// or file://.',
    {
      pattern: { test: /^(?:https?|file):\/\/\S+$/, says: 'a URL that begins with https://, http:// or file://' },
    },
  ),
  'sasl.oauthbearer.jwks.endpoint.refresh.ms': long(3_600_000, 'How often these keys are fetched anew.', {
    min: 1,
    unit: 'ms',
  }),
  'sasl.oauthbearer.jwks.endpoint.retry.backoff.ms': long(
    100,
    'Pause before keys that could not be fetched are fetched again; grows.',
    {
      min: 1,
      unit: 'ms',
    },
  ),
  'sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms': long(10_000, 'Longest such pause.', { min: 1, unit: 'ms' }),
  'sasl.oauthbearer.expected.audience': list([], 'A token must be for one of these; empty: for anybody.'),
  'sasl.oauthbearer.expected.issuer': string(null, 'Who must have issued a token; unset: anybody whose keys they are.'),
  'sasl.oauthbearer.clock.skew.seconds': int(30, 'By how much clocks may differ when a token is checked.', {
    min: 0,
    unit: 'seconds',
  }),
  'sasl.oauthbearer.scope.claim.name': string('scope', 'Claim of a token that holds its scopes.'),
  'sasl.oauthbearer.sub.claim.name': string('sub', "Claim of a token that holds the user's name."),
} satisfies SettingTable;
