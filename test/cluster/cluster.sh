#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Started by run.sh as the first process of namespaces of its own: brings Kubernetes up, deploys the driver as
# deploy/kubernetes says, and makes the checks. Whatever it starts ends with it.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$CLUSTER_TEST/lib/control-plane.sh"
. "$CLUSTER_TEST/lib/node.sh"
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

bring_up() {
  make_node_mounts
  make_network
  make_certificates 2>"$LOGS/openssl.log"
  start_control_plane
  start_containerd
  wait_for 60 'the API server' kubectl get --raw /readyz
  start_controllers
  start_kubelet
  wait_for 60 'the node' kubectl get node $NODE
  kubectl wait --for=condition=Ready --timeout=60s node/$NODE >/dev/null
  say "Kubernetes $(server_version) is up"
}

server_version() { kubectl version -o yaml | sed -n '/^serverVersion/,$s/ *gitVersion: //p'; }

deploy_driver() {
  local part
  apply -k "$DEFINITIONS"
  kubectl wait --for=condition=Established --timeout=30s customresourcedefinitions --all >>"$LOGS/apply.log"
  for part in "${PARTS[@]}"; do apply -k "$MANIFESTS/$part"; done
  apply -f - <<<'{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "storage-test"}}'
  wait_for 30 'the service account of the test pods' kubectl get serviceaccount default
  kubectl -n csi-hostpath rollout status --timeout=120s statefulset/csi-hostpathplugin >>"$LOGS/apply.log" 2>&1 ||
    echo 'the driver did not become ready' >&2
  kubectl -n kube-system rollout status --timeout=60s deployment/snapshot-controller >>"$LOGS/apply.log" 2>&1 ||
    echo 'the snapshot controller did not become ready' >&2
  say 'deploy/kubernetes is applied'
}

apply() { kubectl apply "$@" >>"$LOGS/apply.log" 2>&1; }

# keep: for people who want to look; the last check has removed the driver
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
