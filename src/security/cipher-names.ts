/** Names of cipher suites: those of Java (and of the standard) as OpenSSL has them, whose own names stay as they are. */

/** Of TLS 1.3; they have the same name everywhere. */
const MODERN = /^TLS_(?:AES|CHACHA20)_/;

export function cipherListOf(names: readonly string[]): string {
  return names.map(cipherNameOf).join(':');
}

export function cipherNameOf(name: string): string {
  if (!name.startsWith('TLS_') || MODERN.test(name)) return name;
  const [exchange = '', cipher = ''] = name.slice('TLS_'.length).split('_WITH_');
  const words = exchange === 'RSA' ? [] : exchange.split('_');
  return [...words, cipherWord(cipher)].join('-');
}

/** "AES_128_GCM_SHA256" → "AES128-GCM-SHA256", "AES_256_CBC_SHA384" → "AES256-SHA384" */
function cipherWord(cipher: string): string {
  const chacha = cipher.replace(/^CHACHA20_POLY1305_SHA256$/, 'CHACHA20-POLY1305');
  return chacha
    .replace(/^AES_(\d+)_/, 'AES$1-')
    .replace('CBC_', '')
    .replaceAll('_', '-');
}
