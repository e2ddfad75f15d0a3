#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Started by run.sh as the first process of namespaces of its own: brings Kubernetes up, deploys the driver as
# deploy/kubernetes says, and makes the checks. Whatever it starts ends with it.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$CLUSTER_TEST/lib/control-plane.sh"
. "$CLUSTER_TEST/lib/node.sh"
. "$CLUSTER_TEST/lib/deploy.sh"
. "$CLUSTER_TEST/lib/objects.sh"
. "$CLUSTER_TEST/lib/pages.sh"
. "$CLUSTER_TEST/lib/checks.sh"

# Goes on counting where run.sh is.
SECONDS=${1:-0}
NODE=cluster-test
export KUBECONFIG=$STATE/admin.kubeconfig

main() {
  bring_up
  deploy_driver
  run_checks
  printf '%s %s\n' "$passed" "$failed" >"$STATE/counts"
  [[ -z ${KEEP:-} ]] || keep
}

# keep: keeps the cluster for inspection; the last check has removed the driver
keep() {
  deploy_driver
  cat <<END
The cluster is kept until Ctrl-C. Enter it from another terminal:

  nsenter --target \$(pgrep --newest --full $CLUSTER_TEST/cluster.sh) --mount --net --pid \\
    env KUBECONFIG=$KUBECONFIG PATH=$BIN:\$PATH bash
END
  sleep infinity
}

main
