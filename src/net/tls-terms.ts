/**
 * What a listener with TLS works with: certificate, key, whom it trusts, what it allows. Plain data, read from settings and
 * files on main (`security/tls-material`) and handed to the fronts of TLS, at start and when it was renewed.
 */

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';
export type ClientAuth = 'none' | 'requested' | 'required';

export interface TlsTerms {
  readonly identity:
    | { readonly kind: 'pem'; readonly chain: string; readonly key: string }
    | { readonly kind: 'pkcs12'; readonly bytes: Uint8Array };
  readonly passphrase: string | null;
  /** Who vouches for clients, as PEM, one certificate each; null: nobody, and clients are not asked. */
  readonly trusted: readonly string[] | null;
  readonly clientAuth: ClientAuth;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL's names with colons; null: Node's own choice. */
  readonly ciphers: string | null;
  /** `ssl.principal.mapping.rules` */
  readonly mappingRules: string;
}
