# Nothing is left when pods and claims are deleted, and then the driver.
# shellcheck shell=bash

check_removal() {
  check 'deleting claims removes their volumes' volumes_go
  check 'no directory of a volume, snapshot or group is left' directories_are_gone
  check "no mount and no staging directory is left under the kubelet's directory" mounts_are_gone
  check 'the driver has logged no error' driver_logged_no_error
  check 'no sidecar lacked a permission' no_permission_was_missing
  check 'deleting deploy/kubernetes removes everything' deployment_goes
}

volumes_go() {
  [[ $(kubectl get pv -o name | wc -l) == $(kubectl get pvc -o name | wc -l) ]]
  remove pod --all
  remove pvc --all
  wait_for 60 'the volumes to go' no_volume_is_left || { kubectl describe pv; return 1; }
  [[ -z $(kubectl get volumeattachments -o name) ]]
}

no_volume_is_left() { [[ -z $(kubectl get pv -o name) ]]; }

directories_are_gone() {
  local state
  for state in "$STATE"/node*/var/lib/csi-hostpath-data; do
    wait_for 30 'removals' is_empty "$state"/{volumes,snapshots,groups,.incoming,.outgoing} || { find "$state"; return 1; }
  done
}

# is_empty DIRECTORY…: nothing in any of them
is_empty() { [[ -z $(find "$@" -mindepth 1) ]]; }

mounts_are_gone() {
  local number
  for number in $(node_numbers); do
    wait_for 30 'the kubelet' no_mount_is_left "$number" || {
      in_node "$number" cat /proc/self/mountinfo
      find "$(node_state "$number")/var/lib/kubelet" -path '*csi*'
      return 1
    }
  done
}

no_mount_is_left() {
  local kubelet
  kubelet=$(node_state "$1")/var/lib/kubelet
  ! in_node "$1" grep -e 'kubernetes.io~csi' -e 'kubernetes.io/csi' /proc/self/mountinfo &&
    [[ -z $(find "$kubelet/pods" -name 'kubernetes.io~csi') ]] &&
    [[ -z $(find "$kubelet/plugins/kubernetes.io/csi/$DRIVER" -mindepth 1) ]]
}

driver_logged_no_error() {
  save_driver_logs
  cat "$LOGS"/driver/*.log | grep '"msg":"listening"'
  # Levels of pino: 50 is error, 60 is fatal. Lines that are not JSON are sentences for the operator.
  if grep -h -e '"level":[56]0' "$LOGS"/driver/*.log; then return 1; fi
  if grep -h -v -e 'stderr F {"level":' "$LOGS"/driver/*.log; then return 1; fi
}

no_permission_was_missing() {
  local container
  for container in csi-provisioner csi-resizer csi-snapshotter snapshot-controller; do
    cat "$STATE"/node*/var/log/pods/*/"$container"/*.log >"$LOGS/$container.log"
    if grep -i forbidden "$LOGS/$container.log"; then return 1; fi
  done
}

deployment_goes() {
  local part kinds=csidrivers,storageclasses,volumesnapshotclasses,volumegroupsnapshotclasses,clusterroles,clusterrolebindings
  for part in snapshot-classes base snapshot-controller; do
    kubectl delete -k "$MANIFESTS/$part" --wait --timeout=120s
  done
  local number
  for number in $(node_numbers); do wait_for 30 'the kubelet to forget the driver' is_forgotten_on "$number"; done
  if kubectl get "$kinds" -o name | grep -e hostpath -e snapshot-controller; then return 1; fi
}

is_forgotten_on() { [[ -z $(kubectl get csinode "$(node_name "$1")" -o jsonpath='{.spec.drivers[*].name}') ]]; }
