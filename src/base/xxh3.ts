/**
 * XXH3 with 64 bits and seed 0 over a few bytes. The group coordinator's records carry such hashes (KIP-1101) and must
 * agree with what other brokers compute. In bigints: some microseconds a call for what it is used for, and nothing is called
 * often; packages with it are either native, or WebAssembly that loads asynchronously.
 *
 * The specification is at https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md; names follow it.
 */
const MASK = 0xffff_ffff_ffff_ffffn;
const LOW = 0xffff_ffffn;
const PRIME32_1 = 0x9e37_79b1n;
const PRIME32_2 = 0x85eb_ca77n;
const PRIME32_3 = 0xc2b2_ae3dn;
const PRIME64_1 = 0x9e37_79b1_85eb_ca87n;
const PRIME64_2 = 0xc2b2_ae3d_27d4_eb4fn;
const PRIME64_3 = 0x1656_67b1_9e37_79f9n;
const PRIME64_4 = 0x85eb_ca77_c2b2_ae63n;
const PRIME64_5 = 0x27d4_eb2f_1656_67c5n;
const PRIME_MX1 = 0x1656_6791_9e37_79f9n;
const PRIME_MX2 = 0x9fb2_1c65_1e98_df25n;

const STRIPE_BYTES = 64;
const BLOCK_STRIPES = 16;
const BLOCK_BYTES = STRIPE_BYTES * BLOCK_STRIPES;

const secretBytes = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
    'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
    '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
    'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
    '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  'hex',
);
const secret = viewOf(secretBytes);

/** As an unsigned number of 64 bits. */
export function xxh3(bytes: Uint8Array): bigint {
  const view = viewOf(bytes);
  const length = bytes.length;
  if (length <= 16) return hashShort(view, length);
  if (length <= 128) return hashMiddle(view, length);
  if (length <= 240) return hashLonger(view, length);
  return hashLong(view, length);
}

function hashShort(view: DataView, length: number): bigint {
  if (length === 0) return avalanche64(read64(secret, 56) ^ read64(secret, 64));
  const size = BigInt(length);
  if (length <= 3) {
    const first = BigInt(view.getUint8(0)) << 16n;
    const middle = BigInt(view.getUint8(length >> 1)) << 24n;
    const combined = first | middle | BigInt(view.getUint8(length - 1)) | (size << 8n);
    return avalanche64(combined ^ (read32(secret, 0) ^ read32(secret, 4)));
  }
  if (length <= 8) {
    const input = (read32(view, 0) << 32n) + read32(view, length - 4);
    let hash = input ^ read64(secret, 8) ^ read64(secret, 16);
    hash ^= rotateLeft(hash, 49n) ^ rotateLeft(hash, 24n);
    hash = (hash * PRIME_MX2) & MASK;
    hash ^= (hash >> 35n) + size;
    hash = (hash * PRIME_MX2) & MASK;
    return hash ^ (hash >> 28n);
  }
  const low = read64(view, 0) ^ read64(secret, 24) ^ read64(secret, 32);
  const high = read64(view, length - 8) ^ read64(secret, 40) ^ read64(secret, 48);
  return avalanche((size + swapBytes(low) + high + foldedProduct(low, high)) & MASK);
}

function hashMiddle(view: DataView, length: number): bigint {
  let hash = (BigInt(length) * PRIME64_1) & MASK;
  for (let index = ((length - 1) >> 5) | 0; index >= 0; index--) {
    hash += mix16(view, 16 * index, 32 * index);
    hash += mix16(view, length - 16 * (index + 1), 32 * index + 16);
  }
  return avalanche(hash & MASK);
}

function hashLonger(view: DataView, length: number): bigint {
  let hash = (BigInt(length) * PRIME64_1) & MASK;
  for (let index = 0; index < 8; index++) hash += mix16(view, 16 * index, 16 * index);
  hash = avalanche(hash & MASK);
  for (let index = 8; index < length >> 4; index++) hash += mix16(view, 16 * index, 16 * (index - 8) + 3);
  hash += mix16(view, length - 16, 136 - 17);
  return avalanche(hash & MASK);
}

function hashLong(view: DataView, length: number): bigint {
  const sums = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1];
  const lastBlockAt = Math.floor((length - 1) / BLOCK_BYTES) * BLOCK_BYTES;
  for (let at = 0; at < lastBlockAt; at += BLOCK_BYTES) {
    for (let stripe = 0; stripe < BLOCK_STRIPES; stripe++)
      addStripe(sums, view, at + stripe * STRIPE_BYTES, stripe * 8);
    scramble(sums);
  }
  const stripeCount = Math.floor((length - 1 - lastBlockAt) / STRIPE_BYTES);
  for (let stripe = 0; stripe < stripeCount; stripe++)
    addStripe(sums, view, lastBlockAt + stripe * STRIPE_BYTES, stripe * 8);
  addStripe(sums, view, length - STRIPE_BYTES, secretBytes.length - STRIPE_BYTES - 7);
  let hash = (BigInt(length) * PRIME64_1) & MASK;
  for (let pair = 0; pair < 4; pair++) {
    const one = sumAt(sums, 2 * pair) ^ read64(secret, 11 + 16 * pair);
    const other = sumAt(sums, 2 * pair + 1) ^ read64(secret, 19 + 16 * pair);
    hash += foldedProduct(one, other);
  }
  return avalanche(hash & MASK);
}

function addStripe(sums: bigint[], view: DataView, at: number, secretAt: number): void {
  for (let lane = 0; lane < 8; lane++) {
    const value = read64(view, at + 8 * lane);
    const keyed = value ^ read64(secret, secretAt + 8 * lane);
    sums[lane ^ 1] = (sumAt(sums, lane ^ 1) + value) & MASK;
    sums[lane] = (sumAt(sums, lane) + (keyed & LOW) * (keyed >> 32n)) & MASK;
  }
}

function scramble(sums: bigint[]): void {
  for (let lane = 0; lane < 8; lane++) {
    const sum = sumAt(sums, lane);
    const mixed = sum ^ (sum >> 47n) ^ read64(secret, secretBytes.length - STRIPE_BYTES + 8 * lane);
    sums[lane] = (mixed * PRIME32_1) & MASK;
  }
}

function sumAt(sums: readonly bigint[], lane: number): bigint {
  return sums[lane] ?? 0n;
}

function mix16(view: DataView, at: number, secretAt: number): bigint {
  return foldedProduct(
    read64(view, at) ^ read64(secret, secretAt),
    read64(view, at + 8) ^ read64(secret, secretAt + 8),
  );
}

function foldedProduct(one: bigint, other: bigint): bigint {
  const product = one * other;
  return (product & MASK) ^ (product >> 64n);
}

function avalanche(hash: bigint): bigint {
  const mixed = ((hash ^ (hash >> 37n)) * PRIME_MX1) & MASK;
  return mixed ^ (mixed >> 32n);
}

function avalanche64(hash: bigint): bigint {
  let mixed = ((hash ^ (hash >> 33n)) * PRIME64_2) & MASK;
  mixed = ((mixed ^ (mixed >> 29n)) * PRIME64_3) & MASK;
  return mixed ^ (mixed >> 32n);
}

function rotateLeft(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

function swapBytes(value: bigint): bigint {
  let swapped = 0n;
  for (let shift = 0n; shift < 64n; shift += 8n) swapped = (swapped << 8n) | ((value >> shift) & 0xffn);
  return swapped;
}

function read32(view: DataView, at: number): bigint {
  return BigInt(view.getUint32(at, true));
}

function read64(view: DataView, at: number): bigint {
  return view.getBigUint64(at, true);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
