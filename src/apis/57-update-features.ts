/** UpdateFeatures, versions 0 to 2: levels are what they are; a wish for the level in force is granted. */

import { refusalOfFeatures } from '../admin/features.ts';
import { OPERATION_ALTER } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { updateFeatures } from '../protocol/schemas/57-update-features.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

const UPGRADE = 1;
const SAFE_DOWNGRADE = 2;
const TYPES_SINCE = 1;
const GRANTED = 'the feature is at this level';

export const updateFeaturesHandler = defineHandler({
  api: updateFeatures,
  access: [needsCluster(OPERATION_ALTER)],
  subjectsOf: ({ featureUpdates }) => featureUpdates.map(({ feature }) => feature),

  handle(request, { apiVersion, services }) {
    const asked = request.featureUpdates.map(({ feature, maxVersionLevel, allowDowngrade, upgradeType }) => ({
      name: feature,
      level: maxVersionLevel,
      upgradeType: apiVersion >= TYPES_SINCE ? upgradeType : allowDowngrade ? SAFE_DOWNGRADE : UPGRADE,
    }));
    // Of a feature that is named twice the last wish counts, and both are answered.
    const wishes = [...new Map(asked.map((wish) => [wish.name, wish])).values()];
    const refusal = refusalOfFeatures(services.features, wishes);
    if (refusal !== null) return { errorCode: refusal.errorCode, errorMessage: refusal.message, results: [] };
    const results = asked.map(({ name }) => ({ feature: name, errorCode: errorCode.NONE, errorMessage: GRANTED }));
    return { errorCode: errorCode.NONE, errorMessage: null, results };
  },

  refuse: (_request, { errorCode: code, message }) => ({ errorCode: code, errorMessage: message, results: [] }),
});
