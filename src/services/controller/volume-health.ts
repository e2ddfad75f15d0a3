import { unhealthyAfter } from '../../model/health/unhealthy-volumes.ts';
import { volumeHealth } from '../../model/health/volume-health.ts';
import type { Model } from '../../model/state/model.ts';
import type { ControllerDefinition } from '../../rpc/generated/csi/v1/Controller.ts';
import type { Methods } from '../../rpc/service.ts';
import { volumeHealthMessage } from '../health-replies.ts';
import { pageAfter, parsePage } from '../page.ts';
import { required } from '../requests.ts';

// A volume has several findings at most, each with a message.
const PAGE_LIMIT = 1000;

/** What the Controller service tells of the health of volumes. These are reads: they hold nothing and wait for nobody. */
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
        // One more than is told shows whether there is another page.
        const { items, nextToken } = pageAfter(await unhealthyAfter(model, position, limit + 1), limit);
        return { entries: items.map((health) => volumeHealthMessage(model, health)), next_token: nextToken };
      },
    },
  };
}
