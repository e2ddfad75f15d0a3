// Prometheus and promtool, to which the tests of monitoring give the alerts and the queries of the dashboard.
import { buildGoTool, goToolObstacle, goToolPath } from '../../tools/go-tool.mjs';

const module = 'test/cluster/src/prometheus';
const programs = ['prometheus', 'promtool'];

// Finding targets in clouds is most of the code; the cluster test needs Kubernetes.
const tags = ['remove_all_sd', 'enable_kubernetes_sd'];

export const [prometheusPath, promtoolPath] = programs.map((program) => goToolPath(module, program));

export const prometheusObstacle = () => goToolObstacle(module);

export function installPrometheus() {
  for (const program of programs) buildGoTool(module, { program, tags });
}
