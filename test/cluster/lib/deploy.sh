# Sourced by cluster.sh and e2e.sh: brings Kubernetes up, and the driver in it.
# shellcheck shell=bash

bring_up() {
  make_node_mounts 1
  make_network
  make_certificates 2>"$LOGS/openssl.log"
  start_control_plane
  wait_for 60 'the API server' kubectl get --raw /readyz
  start_controllers
  start_node 1
  say "Kubernetes $(server_version) is up"
}

server_version() { kubectl version -o yaml | sed -n '/^serverVersion/,$s/ *gitVersion: //p'; }

# deploy_driver [OVERLAY]: until it is ready
deploy_driver() {
  apply_driver "$@"
  kubectl -n csi-hostpath rollout status --timeout=120s daemonset/csi-hostpathplugin >>"$LOGS/apply.log" 2>&1 ||
    echo 'the driver did not become ready' >&2
  kubectl -n kube-system rollout status --timeout=60s deployment/snapshot-controller >>"$LOGS/apply.log" 2>&1 ||
    echo 'the snapshot controller did not become ready' >&2
  say 'deploy/kubernetes is applied'
}

# apply_driver [OVERLAY]: every part, with an overlay in place of the base
apply_driver() {
  local part
  apply -k "$DEFINITIONS"
  kubectl wait --for=condition=Established --timeout=30s customresourcedefinitions --all >>"$LOGS/apply.log"
  for part in "${PARTS[@]}"; do
    [[ $part != base ]] || part=${1:-base}
    apply -k "$MANIFESTS/$part"
  done
  apply -f - <<<'{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "storage-test"}}'
  wait_for 30 'the service account of the test pods' kubectl get serviceaccount default
}

apply() { kubectl apply "$@" >>"$LOGS/apply.log" 2>&1; }

# add_flags CONTAINER FLAG…: in the pods of the driver, on every node
add_flags() {
  local container=$1 index flag
  shift
  index=$(kubectl -n csi-hostpath get daemonset csi-hostpathplugin -o jsonpath='{range .spec.template.spec.containers[*]}{.name}{"\n"}{end}' |
    grep --line-number --fixed-strings --line-regexp "$container" | cut -d: -f1)
  for flag; do
    kubectl -n csi-hostpath patch daemonset csi-hostpathplugin --type=json \
      -p "[{\"op\": \"add\", \"path\": \"/spec/template/spec/containers/$((index - 1))/args/-\", \"value\": \"$flag\"}]" >>"$LOGS/apply.log"
  done
  kubectl -n csi-hostpath rollout status --timeout=180s daemonset/csi-hostpathplugin >>"$LOGS/apply.log"
}
