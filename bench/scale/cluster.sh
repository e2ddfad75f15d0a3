#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/../../test/cluster
# Started by run.sh as the first process of namespaces of its own: starts a control plane that records the requests of
# the driver's pods, applies the manifests, and measures. Whatever it starts ends with it.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$CLUSTER_TEST/lib/control-plane.sh"
. "$CLUSTER_TEST/lib/deploy.sh"

export KUBECONFIG=$STATE/admin.kubeconfig

main() {
  ip link set lo up
  ip address add "$NODE_IP/32" dev lo
  # For the directories of the nodes: a socket's path must be short.
  mount -t tmpfs -o mode=0755 tmpfs /run
  make_certificates 2>"$LOGS/openssl.log"
  start_control_plane --audit-policy-file="$SCALE/audit-policy.yaml" --audit-log-path="$STATE/audit.log"
  wait_for 60 'the API server' kubectl get --raw /readyz
  # No kubelet renews the leases of the nodes.
  start_controllers --node-monitor-grace-period=24h --kube-api-qps=500 --kube-api-burst=500
  apply_driver
  say 'the control plane is up'
  node --import tsx "$SCALE/main.ts" "$STATE" "$BUNDLE" "$LOGS" "$@"
}

main "$@"
