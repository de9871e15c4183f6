/**
 * The four messages of a SCRAM exchange (RFC 5802, section 7), as Kafka's brokers and clients read and write them: no
 * channel binding, extensions are passed over. Parsing is by hand and linear: what arrives here comes from anybody. A
 * message that does not follow the grammar gives null.
 *
 *   client first   n,[a=authzid],n=user,r=nonce[,extensions]        server first   r=nonce+nonce,s=salt,i=iterations
 *   client final   c=binding,r=nonce[,extensions],p=proof           server final   v=signature, or e=error
 */

export interface ClientFirst {
  /** '' when it is not given. */
  readonly authorizationId: string;
  readonly user: string;
  readonly nonce: string;
  /** The part that proofs are made over, as it came. */
  readonly bare: string;
  /** `n,a=…,`: what the final message's channel binding has to repeat. */
  readonly header: string;
  /** It names a delegation token and no user. */
  readonly isToken: boolean;
}

export interface ServerFirst {
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

export interface ClientFinal {
  readonly channelBinding: Buffer;
  readonly nonce: string;
  readonly proof: Buffer;
  /** Everything before the proof, as it came. */
  readonly withoutProof: string;
}

const PRINTABLE = /^[\x21-\x2b\x2d-\x7e]+$/;
const SAFE = /^[\x20-\x2b\x2d-\x7e]+$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const EXTENSION = /^[A-Za-z]+=[\x20-\x2b\x2d-\x7e]+$/;
/** Escaped: "," is =2C and "=" is =3D, and there is no other escape. */
const SASL_NAME = /^(?:[\x20-\x2b\x2d-\x3c\x3e-\x7e]|=2C|=3D)+$/;
const ITERATIONS = /^[0-9]{1,10}$/;
const TOKEN_EXTENSION = 'tokenauth=true';

export function escapeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

function unescapeName(name: string): string {
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

export function parseClientFirst(message: string): ClientFirst | null {
  const parts = message.split(',');
  const [flag, authzid, ...rest] = parts;
  if (flag !== 'n' || authzid === undefined) return null;
  if (authzid !== '' && !isNamed(authzid, 'a', SASL_NAME)) return null;
  // An extension that must be understood; Kafka passes over it.
  const fields = rest[0]?.startsWith('m=') === true && SAFE.test(rest[0].slice(2)) ? rest.slice(1) : rest;
  const [name, nonce, ...extensions] = fields;
  if (name === undefined || nonce === undefined) return null;
  if (!isNamed(name, 'n', SASL_NAME) || !isNamed(nonce, 'r', PRINTABLE)) return null;
  if (!extensions.every((one) => EXTENSION.test(one))) return null;
  return {
    authorizationId: unescapeName(authzid.slice(2)),
    user: unescapeName(name.slice(2)),
    nonce: nonce.slice(2),
    bare: rest.join(','),
    header: `${flag},${authzid},`,
    isToken: extensions.some((one) => one.toLowerCase() === TOKEN_EXTENSION),
  };
}

export function parseServerFirst(message: string): ServerFirst | null {
  const fields = message.startsWith('m=') ? message.split(',').slice(1) : message.split(',');
  const [nonce, salt, iterations, ...extensions] = fields;
  if (nonce === undefined || salt === undefined || iterations === undefined) return null;
  if (!isNamed(nonce, 'r', PRINTABLE) || !isNamed(salt, 's', BASE64) || !isNamed(iterations, 'i', ITERATIONS))
    return null;
  if (!extensions.every((one) => EXTENSION.test(one))) return null;
  const count = Number(iterations.slice(2));
  return count > 0 ? { nonce: nonce.slice(2), salt: base64(salt), iterations: count } : null;
}

export function parseClientFinal(message: string): ClientFinal | null {
  const fields = message.split(',');
  const proof = fields.at(-1);
  const [binding, nonce, ...extensions] = fields.slice(0, -1);
  if (binding === undefined || nonce === undefined || proof === undefined) return null;
  if (!isNamed(binding, 'c', BASE64) || !isNamed(nonce, 'r', PRINTABLE) || !isNamed(proof, 'p', BASE64)) return null;
  if (!extensions.every((one) => EXTENSION.test(one))) return null;
  return {
    channelBinding: base64(binding),
    nonce: nonce.slice(2),
    proof: base64(proof),
    withoutProof: message.slice(0, message.length - proof.length - 1),
  };
}

/** The broker's signature, or null: it sent an error, or nonsense. */
export function parseServerFinal(message: string): Buffer | null {
  const [first = '', ...extensions] = message.split(',');
  if (!isNamed(first, 'v', BASE64) || !extensions.every((one) => EXTENSION.test(one))) return null;
  return base64(first);
}

export function clientFirst(user: string, nonce: string): ClientFirst {
  const bare = `n=${escapeName(user)},r=${nonce}`;
  return { authorizationId: '', user, nonce, bare, header: 'n,,', isToken: false };
}

export function serverFirst({ nonce, salt, iterations }: ServerFirst): string {
  return `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
}

export function clientFinalWithoutProof(header: string, nonce: string): string {
  return `c=${Buffer.from(header, 'utf8').toString('base64')},r=${nonce}`;
}

export function authMessageOf(clientFirstBare: string, serverFirstText: string, finalWithoutProof: string): string {
  return `${clientFirstBare},${serverFirstText},${finalWithoutProof}`;
}

function isNamed(field: string, letter: string, value: RegExp): boolean {
  return field.startsWith(`${letter}=`) && value.test(field.slice(2));
}

/** Of a field `x=…` that was checked. */
function base64(field: string): Buffer {
  return Buffer.from(field.slice(2), 'base64');
}
