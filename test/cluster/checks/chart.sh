# The Helm chart, in the place of the manifests.
# shellcheck shell=bash

check_chart() {
  check 'the chart renders what is committed, and the same objects as the manifests' chart_is_consistent
  check 'the chart installs the driver' chart_is_installed
  check 'a claim of the chart is bound, and its pod finds its data' chart_serves_a_claim
  check 'a pod whose pool is on one node is scheduled there' pool_chooses_node
  check 'uninstalling the chart leaves nothing' chart_goes
}

CHART=$PROJECT/deploy/helm/csi-hostpath

chart_is_consistent() { HELM=$BIN/helm KUBECTL=$BIN/kubectl node "$PROJECT/scripts/check-chart.mjs"; }

# install_chart RELEASE OPTION…: and waits until every kubelet has registered the driver
install_chart() {
  local release=$1 number
  shift
  kubectl create namespace csi-hostpath
  kubectl label namespace csi-hostpath pod-security.kubernetes.io/enforce=privileged
  helm install "$release" "$CHART" --namespace csi-hostpath --wait --timeout 3m "$@"
  for number in $(node_numbers); do wait_for 60 "the driver on node $number" is_registered_on "$number"; done
}

# uninstall_chart RELEASE: nothing of it may be left
uninstall_chart() {
  local number
  helm uninstall "$1" --namespace csi-hostpath --wait --timeout 3m
  for number in $(node_numbers); do wait_for 30 'the kubelet to forget the driver' is_forgotten_on "$number"; done
  wait_for 60 "the release's objects to go" namespace_is_empty || { kubectl -n csi-hostpath get all,configmaps; return 1; }
  kubectl delete namespace csi-hostpath
}

chart_is_installed() {
  # A pool that only the second node has, if there is one.
  install_chart charted --values - <<END
node:
  pools: [{name: fast, path: /var/lib/kubelet/pool, reserve: 1%, nodes: ["$(node_name 2)"]}]
storageClasses:
  - parameters: {enforceCapacity: required}
  - {name: fast, parameters: {pool: fast, enforceCapacity: required}}
END
  helm list --namespace csi-hostpath
}

helm() { "$BIN/helm" "$@"; }

chart_serves_a_claim() {
  claim charted charted-csi-hostpath
  pod charted charted 'echo kept >/data/file'
  succeeds charted
  remove pod/charted
  pod charted-again charted 'grep -x kept /data/file'
  succeeds charted-again
  remove pod/charted-again pvc/charted
  wait_for 60 'the volume to go' no_volume_is_left
}

pool_chooses_node() {
  [[ -e $STATE/node2.pid ]] || return 0
  claim fast fast
  pod fast fast 'echo kept >/data/file'
  succeeds fast
  [[ $(node_of fast) == "$(node_name 2)" ]]
  [[ -n $(find "$(node_state 2)/var/lib/kubelet/pool/volumes" -mindepth 1 -maxdepth 1) ]]
  remove pod/fast pvc/fast
  wait_for 60 'the volume to go' no_volume_is_left
}

chart_goes() {
  uninstall_chart charted
  if kubectl get csidrivers,storageclasses,clusterroles,clusterrolebindings -o name | grep -e hostpath -e charted; then return 1; fi
}

namespace_is_empty() {
  ! kubectl -n csi-hostpath get all,configmaps,serviceaccounts,roles,rolebindings -o name |
    grep -v -e kube-root-ca.crt -e serviceaccount/default
}
