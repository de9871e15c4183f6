/**
 * ApiVersions: the first thing a client asks. It must be answered before a login and in a layout that a client can read
 * without knowing the broker: an unknown version gets a version 0 body with UNSUPPORTED_VERSION.
 */
import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, int64, since, string, struct, tagged, withDefault } from '../fields.ts';

export const apiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleSince: 3,
  request: {
    clientSoftwareName: since(3, withDefault(string(), '')),
    clientSoftwareVersion: since(3, withDefault(string(), '')),
  },
  response: {
    errorCode: int16(),
    apiKeys: array(struct({ apiKey: int16(), minVersion: int16(), maxVersion: int16() })),
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    /** Up to version 3, clients choke on a feature whose minimum is 0: leave such features out there. */
    supportedFeatures: since(3, tagged(0, array(struct({ name: string(), minVersion: int16(), maxVersion: int16() })))),
    finalizedFeaturesEpoch: since(3, tagged(1, withDefault(int64(), -1))),
    finalizedFeatures: since(
      3,
      tagged(2, array(struct({ name: string(), maxVersionLevel: int16(), minVersionLevel: int16() }))),
    ),
    zkMigrationReady: since(3, tagged(3, boolean())),
  },
});
