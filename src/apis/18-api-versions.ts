/**
 * ApiVersions, versions 0 to 4: the first thing a client asks, and what it believes about the broker from then on.
 *
 * A version this broker does not know is answered all the same, with a version 0 body, error 35 and the versions of this
 * very API, so that the client can ask again. Up to version 3, features whose minimum is 0 are left out: clients of that
 * time refuse them.
 */

import type { Api } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { encodeResponseFrame } from '../protocol/frame.ts';
import { apiVersions } from '../protocol/schemas/18-api-versions.ts';
import { Writer } from '../protocol/writer.ts';
import { open } from './access.ts';
import { defineHandler } from './define.ts';

const SOFTWARE_PATTERN = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** Versions from here on tell the client's software, and answer with features. */
const SOFTWARE_SINCE = 3;
const ZERO_MINIMUM_SINCE = 4;

export const apiVersionsHandler = defineHandler({
  api: apiVersions,
  access: [open('clients ask it before they log in')],

  handle(request, { apiVersion, services }) {
    const isNamed =
      SOFTWARE_PATTERN.test(request.clientSoftwareName) && SOFTWARE_PATTERN.test(request.clientSoftwareVersion);
    if (apiVersion >= SOFTWARE_SINCE && !isNamed) return { errorCode: errorCode.INVALID_REQUEST, apiKeys: [] };
    const supportedFeatures = services.features.filter(
      (feature) => feature.minVersion > 0 || apiVersion >= ZERO_MINIMUM_SINCE,
    );
    const finalizedFeatures = services.features.flatMap(({ name, level }) =>
      level === null || level === 0 ? [] : [{ name, maxVersionLevel: level, minVersionLevel: level }],
    );
    return {
      errorCode: errorCode.NONE,
      apiKeys: services.ranges,
      supportedFeatures,
      finalizedFeaturesEpoch: services.features.length === 0 ? -1 : services.controller.catalog.brokerEpoch,
      finalizedFeatures,
    };
  },

  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode, apiKeys: [] }),
});

export function answerUnsupportedVersion(correlationId: number, api: Pick<Api, 'key' | 'advertised'>): Uint8Array {
  const [minVersion, maxVersion] = api.advertised;
  const writer = new Writer(64, 64);
  const body = { errorCode: errorCode.UNSUPPORTED_VERSION, apiKeys: [{ apiKey: api.key, minVersion, maxVersion }] };
  encodeResponseFrame(apiVersions, 0, correlationId, body, writer);
  return writer.written();
}
