/** Settings about TLS, under Kafka's own keys. Each may be given for one listener alone: see `scoped-settings`. */
import { int, list, password, type SettingTable, string } from './settings.ts';

/** Certificates change while the broker runs, those of one listener at a time, as in Kafka. */
const live = { change: 'live-by-listener' } as const;
const storeTypes = ['JKS', 'PKCS12', 'PEM'];

export const tlsBrokerSettings = {
  'ssl.keystore.type': string('JKS', 'Kind of the file with certificate and key; JKS itself has to be converted.', {
    choices: storeTypes,
    ...live,
  }),
  'ssl.keystore.location': string(
    null,
    'File with the certificate, its chain and the private key: PEM or PKCS12.',
    live,
  ),
  'ssl.keystore.password': password(null, 'Password of a PKCS12 file.', live),
  'ssl.key.password': password(null, 'Password of the private key.', live),
  'ssl.keystore.key': password(null, 'The private key as PEM, in place of a file.', live),
  'ssl.keystore.certificate.chain': password(null, 'Certificate and chain as PEM, in place of a file.', live),
  'ssl.truststore.type': string('JKS', 'Kind of the file with trusted certificates; JKS itself has to be converted.', {
    choices: storeTypes,
    ...live,
  }),
  'ssl.truststore.location': string(
    null,
    'File with the certificates of those who vouch for clients: PEM or PKCS12.',
    live,
  ),
  'ssl.truststore.password': password(null, 'Password of a PKCS12 file.', live),
  'ssl.truststore.certificates': password(null, 'The same as PEM, in place of a file.', live),
  'ssl.client.auth': string('none', 'Whether clients are asked for a certificate, and whether they must have one.', {
    choices: ['none', 'requested', 'required'],
  }),
  'ssl.principal.mapping.rules': string(
    'DEFAULT',
    'How the name in a certificate becomes a user: RULE:pattern/replacement/[LU], several of them, and DEFAULT.',
  ),
  'ssl.enabled.protocols': list(['TLSv1.2', 'TLSv1.3'], 'Versions of TLS; older ones are not safe and not there.', {
    choices: ['TLSv1.2', 'TLSv1.3'],
  }),
  'ssl.cipher.suites': list([], "Cipher suites under Java's or OpenSSL's names; empty: those that Node thinks good."),
  'perfbroker.tls.fronts': int(
    1,
    'Front threads for listeners with TLS (SSL, SASL_SSL); there are none where there is no such listener.',
    { min: 1, max: 16, unit: 'threads' },
  ),
  'perfbroker.tls.reload.interval.ms': int(
    5000,
    'How often files of certificates are looked at; when one has changed, new connections get what it holds now.',
    { min: 100, unit: 'ms' },
  ),
} satisfies SettingTable;
