import { DATASOURCE } from './panel.ts';

/** Each driver has this metric for each method, whether or not it was called; nothing else has it. */
const DRIVERS = 'csi_plugin_operations_in_flight';

/** The variables at the top of the dashboard. Each offers what those before it leave. */
export function variables(): object[] {
  const ofDriver = 'driver_name=~"$driver"';
  const ofNode = `${ofDriver}, job=~"$job", node=~"$node"`;
  const ofInstance = 'job=~"$job", instance=~"$instance"';
  return [
    { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: 1 },
    queried('driver', 'Driver', `label_values(${DRIVERS}, driver_name)`),
    queried('job', 'Job', `label_values(${DRIVERS}{${ofDriver}}, job)`),
    queried('node', 'Node', `label_values(${DRIVERS}{${ofDriver}, job=~"$job"}, node)`),
    queried('instance', 'Address', `label_values(${DRIVERS}{${ofNode}}, instance)`),
    queried('pool', 'Pool', `label_values(csi_hostpath_pool_volumes{${ofInstance}}, pool)`),
    queried(
      'namespace',
      'Namespace',
      `label_values(csi_hostpath_volume_capacity_bytes{${ofInstance}}, namespace)`,
    ),
    queried(
      'claim',
      'Claim',
      `label_values(csi_hostpath_volume_capacity_bytes{${ofInstance}, namespace=~"$namespace"}, persistentvolumeclaim)`,
    ),
  ];
}

function queried(name: string, label: string, query: string): object {
  return {
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    definition: query,
    query: { qryType: 1, query, refId: name },
    // When the time range changes: pods come and go.
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    // Also matches series without the label.
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
  };
}
