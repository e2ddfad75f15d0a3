# What is left when pods and claims are deleted, and when the driver is: nothing.
# shellcheck shell=bash

check_removal() {
  check 'claims deleted, their volumes go' volumes_go
  check 'no directory of a volume, snapshot or group is left' directories_are_gone
  check "no mount and no staging directory is left under the kubelet's directory" mounts_are_gone
  check 'the driver has logged no error' driver_logged_no_error
  check 'no sidecar lacked a permission' no_permission_was_missing
  check 'deleting what is in deploy/kubernetes takes everything down' deployment_goes
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
  local state=/var/lib/csi-hostpath-data
  wait_for 30 'removals' is_empty $state/volumes $state/snapshots $state/groups $state/.incoming $state/.outgoing || { find $state; return 1; }
}

# is_empty DIRECTORY…: nothing in any of them
is_empty() { [[ -z $(find "$@" -mindepth 1) ]]; }

mounts_are_gone() {
  wait_for 30 'the kubelet' no_mount_is_left || { cat /proc/self/mountinfo; find /var/lib/kubelet -path '*csi*'; return 1; }
}

no_mount_is_left() {
  ! grep -e 'kubernetes.io~csi' -e 'kubernetes.io/csi' /proc/self/mountinfo &&
    [[ -z $(find /var/lib/kubelet/pods -name 'kubernetes.io~csi') ]] &&
    [[ -z $(find "/var/lib/kubelet/plugins/kubernetes.io/csi/$DRIVER" -mindepth 1) ]]
}

driver_logged_no_error() {
  save_driver_logs
  cat "$LOGS"/driver/*.log | grep '"msg":"listening"'
  # Levels of pino: 50 is error, 60 is fatal. What is no JSON is a sentence for the operator.
  if grep -h -e '"level":[56]0' "$LOGS"/driver/*.log; then return 1; fi
  if grep -h -v -e 'stderr F {"level":' "$LOGS"/driver/*.log; then return 1; fi
}

no_permission_was_missing() {
  local container
  for container in csi-provisioner csi-attacher csi-resizer csi-snapshotter snapshot-controller; do
    cat /var/log/pods/*/"$container"/*.log >"$LOGS/$container.log"
    if grep -i forbidden "$LOGS/$container.log"; then return 1; fi
  done
}

deployment_goes() {
  local part kinds=csidrivers,storageclasses,volumesnapshotclasses,volumegroupsnapshotclasses,clusterroles,clusterrolebindings
  for part in snapshot-classes base snapshot-controller; do
    kubectl delete -k "$MANIFESTS/$part" --wait --timeout=120s
  done
  wait_for 30 'the kubelet to forget the driver' is_forgotten
  if kubectl get "$kinds" -o name | grep -e hostpath -e snapshot-controller; then return 1; fi
}

is_forgotten() { [[ -z $(kubectl get csinode "$NODE" -o jsonpath='{.spec.drivers[*].name}') ]]; }
