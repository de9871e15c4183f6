/**
 * How to reach a secured broker, read from client settings under Kafka's own keys (`security.protocol`, `sasl.*`, `ssl.*`),
 * as they stand in the `.properties` files of its tools. A few of librdkafka's names mean the same. Certificates and keys
 * are PEM, what a client shows may be PKCS#12. Sentences about what is wrong repeat no secret.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Fault } from '../base/fault.ts';
import { type JaasEntry, readJaas } from '../config/jaas.ts';
import type { TlsOptions } from './dial-tls.ts';
import type { SaslOptions } from './sasl.ts';

export interface ClientSecurity {
  readonly tls?: TlsOptions;
  readonly sasl?: SaslOptions;
}

type Properties = ReadonlyMap<string, string>;

const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];
const TOKEN_WAIT_MS = 10_000;
const TOKEN_BYTES_MAX = 262_144;

export function clientSecurityOf(properties: Properties): ClientSecurity {
  const protocol = (properties.get('security.protocol') ?? 'PLAINTEXT').toUpperCase();
  if (!PROTOCOLS.includes(protocol))
    throw bad(`security.protocol is ${protocol} but must be one of ${PROTOCOLS.join(', ')}`);
  return {
    ...(protocol.endsWith('SSL') ? { tls: tlsOf(properties) } : {}),
    ...(protocol.startsWith('SASL') ? { sasl: saslOf(properties) } : {}),
  };
}

// ── SASL ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function saslOf(properties: Properties): SaslOptions {
  const mechanism = properties.get('sasl.mechanism') ?? properties.get('sasl.mechanisms') ?? '';
  const jaas = jaasOf(properties.get('sasl.jaas.config'));
  if (mechanism === 'OAUTHBEARER') return { mechanism, token: tokenSource(properties, jaas) };
  if (mechanism !== 'PLAIN' && mechanism !== 'SCRAM-SHA-256' && mechanism !== 'SCRAM-SHA-512') {
    const choice = 'PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER';
    throw bad(`sasl.mechanism is '${mechanism}' but must be ${choice}`);
  }
  const username = properties.get('sasl.username') ?? jaas?.options.get('username');
  const password = properties.get('sasl.password') ?? jaas?.options.get('password');
  if (username === undefined || password === undefined) {
    const kind = mechanism === 'PLAIN' ? 'plain.Plain' : 'scram.Scram';
    const example = `org.apache.kafka.common.security.${kind}LoginModule required username="NAME" password="PASSWORD";`;
    throw bad(`there is no user to log in as; write sasl.jaas.config=${example}`);
  }
  return { mechanism, username, password };
}

function jaasOf(text: string | undefined): JaasEntry | null {
  if (text === undefined) return null;
  const read = readJaas(text);
  if (!read.isGood) throw bad(`sasl.jaas.config ${read.problem}`);
  return read.entry;
}

/** From a file, or from an issuer for a client's own id and secret (OAuth's client credentials). */
function tokenSource(properties: Properties, jaas: JaasEntry | null): () => Promise<string> {
  const url = properties.get('sasl.oauthbearer.token.endpoint.url');
  if (url === undefined || !URL.canParse(url))
    throw bad('there is no token to log in with; write sasl.oauthbearer.token.endpoint.url, a file:// or https:// URL');
  if (url.startsWith('file:')) return async () => (await readFile(new URL(url), 'utf8')).trim();
  const of = (option: string, key: string): string | undefined => jaas?.options.get(option) ?? properties.get(key);
  const id = of('clientId', 'sasl.oauthbearer.client.credentials.client.id');
  const secret = of('clientSecret', 'sasl.oauthbearer.client.credentials.client.secret');
  if (id === undefined || secret === undefined)
    throw bad('OAUTHBEARER needs clientId and clientSecret in sasl.jaas.config, or a file:// URL of a token');
  const scope = of('scope', 'sasl.oauthbearer.scope');
  return () => fetchToken(url, id, secret, scope ?? null);
}

async function fetchToken(url: string, id: string, secret: string, scope: string | null): Promise<string> {
  const wish = { grant_type: 'client_credentials', ...(scope === null ? {} : { scope }) };
  const response = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams(wish),
    headers: {
      authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
      accept: 'application/json',
    },
    signal: AbortSignal.timeout(TOKEN_WAIT_MS),
  }).catch((cause: unknown) => {
    throw new Fault('PB_CONNECTION', `no token from ${new URL(url).host}`, { cause });
  });
  if (!response.ok) throw new Fault('PB_CONNECTION', `no token from ${new URL(url).host}: status ${response.status}`);
  const text = await response.text();
  const parsed: unknown = text.length > TOKEN_BYTES_MAX ? null : JSON.parse(text);
  if (
    typeof parsed === 'object' &&
    parsed !== null &&
    'access_token' in parsed &&
    typeof parsed.access_token === 'string'
  )
    return parsed.access_token;
  throw new Fault('PB_CONNECTION', `the answer of ${new URL(url).host} holds no access_token`);
}

// ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function tlsOf(properties: Properties): TlsOptions {
  const algorithm = properties.get('ssl.endpoint.identification.algorithm') ?? 'https';
  const ca = trustOf(properties);
  return {
    ...(ca === null ? {} : { ca }),
    ...shownOf(properties),
    checksHost: algorithm !== '' && algorithm !== 'none',
    versionMin: properties.get('ssl.enabled.protocols')?.trim() === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2',
  };
}

function trustOf(properties: Properties): string | Buffer | null {
  const inline = properties.get('ssl.truststore.certificates') ?? properties.get('ssl.ca.pem');
  if (inline !== undefined) return inline;
  const path = properties.get('ssl.truststore.location') ?? properties.get('ssl.ca.location');
  if (path === undefined) return null;
  const type = storeType(properties.get('ssl.truststore.type'), path);
  if (type === 'PEM') return fileOf('ssl.truststore.location', path);
  const remedy = 'export its certificates with keytool -exportcert -rfc, and write ssl.truststore.type=PEM';
  throw bad(`the trust store ${path} is ${type}, which this client cannot read; ${remedy}`);
}

function shownOf(properties: Properties): Pick<TlsOptions, 'cert' | 'key' | 'pfx' | 'passphrase'> {
  const secret = properties.get('ssl.key.password') ?? properties.get('ssl.keystore.password');
  const passphrase = secret === undefined ? {} : { passphrase: secret };
  const chain = properties.get('ssl.keystore.certificate.chain') ?? properties.get('ssl.certificate.pem');
  const key = properties.get('ssl.keystore.key') ?? properties.get('ssl.key.pem');
  if (chain !== undefined && key !== undefined) return { cert: chain, key, ...passphrase };
  const [chainPath, keyPath] = [properties.get('ssl.certificate.location'), properties.get('ssl.key.location')];
  if (chainPath !== undefined && keyPath !== undefined) {
    const cert = fileOf('ssl.certificate.location', chainPath);
    return { cert, key: fileOf('ssl.key.location', keyPath), ...passphrase };
  }
  const path = properties.get('ssl.keystore.location');
  if (path === undefined) return {};
  const type = storeType(properties.get('ssl.keystore.type'), path);
  const bytes = fileOf('ssl.keystore.location', path);
  if (type === 'PEM') return { cert: bytes, key: bytes, ...passphrase };
  const store = properties.get('ssl.keystore.password');
  if (type === 'PKCS12') return { pfx: bytes, ...(store === undefined ? {} : { passphrase: store }) };
  const remedy = 'bring it over with keytool -importkeystore -deststoretype PKCS12';
  throw bad(`the key store ${path} is ${type}, which this client cannot read; ${remedy}`);
}

/** Kafka's default is JKS; a file that says by its name that it is something else is taken at its word. */
function storeType(given: string | undefined, path: string): string {
  if (given !== undefined) return given.toUpperCase();
  if (/\.(?:pem|crt|cer)$/i.test(path)) return 'PEM';
  return /\.(?:p12|pfx|pkcs12)$/i.test(path) ? 'PKCS12' : 'JKS';
}

function fileOf(key: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Fault('PB_BAD_SETTING', `${key}: ${path} cannot be read; check the path and its rights`, { cause });
  }
}

function bad(message: string): Fault {
  return new Fault('PB_BAD_SETTING', message);
}
