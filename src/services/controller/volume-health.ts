import { unhealthyAfter } from '../../model/health/unhealthy-volumes.ts';
import { volumeHealth } from '../../model/health/volume-health.ts';
import type { Model } from '../../model/state/model.ts';
import type { ControllerDefinition } from '../../rpc/generated/csi/v1/Controller.ts';
import type { Methods } from '../../rpc/service.ts';
import { volumeHealthMessage } from '../health-replies.ts';
import { pageAfter, parsePage } from '../page.ts';
import { required } from '../requests.ts';

// A volume has at most a few findings, each with a message.
const PAGE_LIMIT = 1000;

/**
 * The volume health methods of the Controller service. They only read: they take no locks and wait for no other call.
 */
export function volumeHealthMethods(
  model: Model,
): Pick<Methods<ControllerDefinition>, 'ControllerGetVolumeHealth' | 'ControllerListVolumeHealth'> {
  return {
    ControllerGetVolumeHealth: {
      async handle(request) {
        const health = await volumeHealth(model, required('volume_id', request.volume_id));
        return { volume_health: volumeHealthMessage(model, health) };
      },
    },
    ControllerListVolumeHealth: {
      async handle(request) {
        const { position, limit } = parsePage(request, PAGE_LIMIT);
        // One entry more than the page holds shows whether there is another page.
        const { items, nextToken } = pageAfter(await unhealthyAfter(model, position, limit + 1), limit);
        return { entries: items.map((health) => volumeHealthMessage(model, health)), next_token: nextToken };
      },
    },
  };
}
