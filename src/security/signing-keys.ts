/**
 * The keys that tokens are signed with, as a JWKS at a URL: read when first needed, anew when a token comes after they have
 * become old, and when one names a key that is not among them (a new key is in use before the next reading), but then not
 * more often than the pause between failed readings allows: strangers can name any key. Keys that cannot be read anew stay
 * in use.
 */
import { open } from 'node:fs/promises';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { Fault, isFault } from '../base/fault.ts';

export interface SigningKeysParts {
  readonly url: string;
  readonly refreshMs: number;
  readonly retryMs: number;
  readonly retryMaxMs: number;
  readonly nowMs: () => number;
  readonly warn: (message: string) => void;
}

export type KeySet = ReturnType<typeof createLocalJWKSet>;

const KEYS_BYTES_MAX = 1_048_576;
const KEYS_MAX = 256;
const FETCH_WAIT_MS = 10_000;
const REDIRECTS_MAX = 5;

export class SigningKeys {
  private readonly parts: SigningKeysParts;
  private keys: KeySet | null = null;
  private readMs = Number.NEGATIVE_INFINITY;
  private triedMs = Number.NEGATIVE_INFINITY;
  private nextTryMs = Number.NEGATIVE_INFINITY;
  /** Nobody goes on with the keys from before until the reading under way has failed. */
  private isAwaited = false;
  private failures = 0;
  private reading: Promise<void> | null = null;

  constructor(parts: SigningKeysParts) {
    this.parts = parts;
  }

  /** Null: there are none yet. With `isStale` they do not hold the key that a token names. */
  async current(isStale: boolean): Promise<KeySet | null> {
    const nowMs = this.parts.nowMs();
    const isDue = this.keys === null || isStale || nowMs - this.readMs >= this.parts.refreshMs;
    if (!isDue || (this.reading === null && nowMs < this.nextTryMs)) return this.keys;
    this.reading ??= this.begin(nowMs);
    // Nobody knows how old they are: a key that the issuer gave up long ago must not open the broker once more. Where a
    // reading has just failed, the next one is tried beside the logins.
    if (this.keys === null || isStale || this.isAwaited) await this.reading;
    return this.keys;
  }

  private begin(nowMs: number): Promise<void> {
    this.isAwaited = nowMs - this.triedMs >= this.parts.refreshMs;
    this.triedMs = nowMs;
    return this.read(nowMs).finally(() => {
      this.reading = null;
    });
  }

  private async read(nowMs: number): Promise<void> {
    const { url, retryMs, retryMaxMs, warn } = this.parts;
    try {
      this.keys = createLocalJWKSet(await readKeySet(url));
      this.readMs = nowMs;
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      const state = this.keys === null ? 'nobody can log in with a token' : 'those read before stay in use';
      warn(`the keys for tokens cannot be read from ${withoutSecrets(url)}: ${problemOf(error)}; ${state}`);
    }
    this.nextTryMs = nowMs + Math.min(retryMaxMs, retryMs * 2 ** Math.min(30, this.failures));
  }
}

async function readKeySet(url: string): Promise<JSONWebKeySet> {
  const text = url.startsWith('file:') ? await readText(url) : await fetchText(url);
  const parsed: unknown = JSON.parse(text);
  if (!isKeySet(parsed)) throw new Fault('PB_BAD_SETTING', 'what is there is no JWKS');
  if (parsed.keys.length > KEYS_MAX) throw new Fault('PB_LIMIT', `there are more than ${KEYS_MAX} keys`);
  return parsed;
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return false;
  return value.keys.every((key: unknown) => typeof key === 'object' && key !== null && 'kty' in key);
}

async function readText(url: string): Promise<string> {
  const file = await open(new URL(url), 'r');
  try {
    const { size } = await file.stat();
    if (size > KEYS_BYTES_MAX) throw tooLong();
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function fetchText(url: string): Promise<string> {
  const { username, password } = new URL(url);
  if (username !== '' || password !== '')
    throw new Fault('PB_BAD_SETTING', 'its URL has a user and a password in it, which are not sent; leave them out');
  const response = await followed(url);
  if (!response.ok) throw new Fault('PB_CONNECTION', `the answer has the status ${response.status}`);
  if (response.body === null) throw new Fault('PB_CONNECTION', 'the answer is empty');
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body) {
    bytes += piece.length;
    if (bytes > KEYS_BYTES_MAX) throw tooLong();
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** As Java does it: nobody leads from https to http, where others could put their own keys in. */
async function followed(url: string): Promise<Response> {
  const signal = AbortSignal.timeout(FETCH_WAIT_MS);
  let at = new URL(url);
  for (let count = 0; count <= REDIRECTS_MAX; count++) {
    const response = await fetch(at.href, { signal, headers: { accept: 'application/json' }, redirect: 'manual' });
    const location = response.headers.get('location');
    if (location === null || response.status < 300 || response.status > 399) return response;
    await response.body?.cancel();
    if (!URL.canParse(location, at.href)) break;
    const next = new URL(location, at);
    if (next.protocol !== at.protocol)
      throw new Fault('PB_CONNECTION', `it leads from ${at.protocol} to ${next.protocol}, where it is not followed`);
    at = next;
  }
  throw new Fault('PB_CONNECTION', 'it leads from one address to another without an end');
}

function tooLong(): Fault {
  return new Fault('PB_LIMIT', `there are more than ${KEYS_BYTES_MAX} bytes`);
}

/** Sentences of others may repeat the URL, or a piece of what was read; what lies behind a failed fetch names hosts only. */
function problemOf(error: unknown): string {
  if (isFault(error)) return error.message;
  if (error instanceof SyntaxError) return 'what is there is no JSON';
  if (!(error instanceof Error)) return 'the reason is not known';
  if (error.cause instanceof Error) return error.cause.message;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
