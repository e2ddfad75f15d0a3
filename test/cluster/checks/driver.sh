# The driver as Kubernetes sees it after `kubectl apply -k`.
# shellcheck shell=bash

check_driver() {
  check "the driver's pod runs, with every container ready" pod_is_ready
  check 'the CSIDriver object describes the driver' csi_driver_is_described
  check 'the kubelet has registered the driver, with its node id and topology key' driver_is_registered
  check 'the livenessprobe finds the driver healthy' driver_is_healthy
}

pod_is_ready() {
  in_driver_namespace wait --for=condition=Ready --timeout=120s "pod/$(driver_pod)" ||
    { in_driver_namespace describe pod "$(driver_pod)"; return 1; }
  [[ $(in_driver_namespace get pod "$(driver_pod)" -o jsonpath='{.status.containerStatuses[*].ready}') == 'true true true true true true' ]]
}

csi_driver_is_described() {
  local fields='{.spec.attachRequired} {.spec.podInfoOnMount} {.spec.seLinuxMount} {.spec.fsGroupPolicy} {.spec.storageCapacity} {.spec.volumeLifecycleModes}'
  [[ $(kubectl get csidriver "$DRIVER" -o jsonpath="$fields") == 'false true true File true ["Persistent","Ephemeral"]' ]]
}

driver_is_registered() {
  wait_for 60 'the CSINode entry' is_in_csi_node
  local entry='{.spec.drivers[0].nodeID} {.spec.drivers[0].topologyKeys}'
  [[ $(kubectl get csinode "$NODE" -o jsonpath="$entry") == "$NODE [\"topology.hostpath.csi/node\"]" ]]
  [[ $(kubectl get node "$NODE" -o jsonpath='{.metadata.labels.topology\.hostpath\.csi/node}') == "$NODE" ]]
}

is_in_csi_node() { [[ $(kubectl get csinode "$NODE" -o jsonpath='{.spec.drivers[*].name}') == "$DRIVER" ]]; }

driver_is_healthy() {
  local address
  address=$(in_driver_namespace get pod "$(driver_pod)" -o jsonpath='{.status.podIP}')
  [[ $(busybox wget -q -O - "http://$address:9898/healthz") == ok ]]
}
