/** What fronts know of the catalog and of settings: told at once, and with every change. Called by the broker before they begin. */
import { connectionLimitsOf, quotaImageOf } from '../admin/front-terms.ts';
import type { Controller } from '../cluster/controller.ts';
import type { AccessImage, FrontPost } from '../net/front-post.ts';
import { accessImageOf, isSameAccess } from '../security/access-desk.ts';

export interface ToldFronts {
  readonly count: number;
  /** The same for all. */
  post(post: FrontPost): void;
}

export function keepFrontsTold(fronts: ToldFronts, controller: Controller): void {
  controller.subscribe((update) => fronts.post(update));
  let told: AccessImage | null = null;
  controller.observeSettings((catalog, config) => {
    fronts.post(quotaImageOf(catalog, config));
    fronts.post(connectionLimitsOf(config, fronts.count));
    // Only when they changed: fronts forget what they have decided.
    const access = accessImageOf(catalog.acls.values(), config.values);
    if (told !== null && isSameAccess(told, access)) return;
    told = access;
    fronts.post(access);
  });
}
