/** DescribeConfigs: settings of topics, brokers and groups, where they come from and what they fall back to. */
import { defineApi } from '../api.ts';
import { array, boolean, int8, int16, int32, nullable, since, string, struct, withDefault } from '../fields.ts';

export const RESOURCE_TOPIC = 2;
export const RESOURCE_BROKER = 4;
export const RESOURCE_BROKER_LOGGER = 8;
export const RESOURCE_CLIENT_METRICS = 16;
export const RESOURCE_GROUP = 32;

export const SOURCE_DYNAMIC_TOPIC = 1;
export const SOURCE_DYNAMIC_BROKER = 2;
export const SOURCE_DYNAMIC_DEFAULT_BROKER = 3;
export const SOURCE_STATIC_BROKER = 4;
export const SOURCE_DEFAULT = 5;
export const SOURCE_DYNAMIC_BROKER_LOGGER = 6;
export const SOURCE_CLIENT_METRICS = 7;
export const SOURCE_GROUP = 8;

export const CONFIG_TYPE_UNKNOWN = 0;
export const CONFIG_TYPE_BOOLEAN = 1;
export const CONFIG_TYPE_STRING = 2;
export const CONFIG_TYPE_INT = 3;
export const CONFIG_TYPE_SHORT = 4;
export const CONFIG_TYPE_LONG = 5;
export const CONFIG_TYPE_DOUBLE = 6;
export const CONFIG_TYPE_LIST = 7;
export const CONFIG_TYPE_CLASS = 8;
export const CONFIG_TYPE_PASSWORD = 9;

export const describeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleSince: 4,
  request: {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        /** Null asks for all of them. */
        configurationKeys: nullable(array(string())),
      }),
    ),
    includeSynonyms: withDefault(boolean(), false),
    includeDocumentation: since(3, withDefault(boolean(), false)),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    results: array(
      struct({
        errorCode: int16(),
        errorMessage: withDefault(nullable(string()), null),
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            /** Null for a secret. */
            value: nullable(string()),
            readOnly: boolean(),
            configSource: withDefault(int8(), -1),
            isSensitive: boolean(),
            synonyms: withDefault(array(struct({ name: string(), value: nullable(string()), source: int8() })), []),
            configType: since(3, withDefault(int8(), CONFIG_TYPE_UNKNOWN)),
            documentation: since(3, withDefault(nullable(string()), null)),
          }),
        ),
      }),
    ),
  },
});
