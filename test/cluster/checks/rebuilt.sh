# A cluster that was built anew finds the volumes on the disk of its node.
# shellcheck shell=bash

check_rebuilt() {
  check 'the status names claims and what uses them' status_names_claims
  check 'exported PersistentVolumes and claims give a new cluster its data' export_gives_data_back
}

# hostpath COMMAND…: as in a shell of the driver's container
hostpath() { in_driver_namespace exec "$(driver_pod)" -c driver -- csi-hostpath "$@"; }

status_names_claims() {
  claim shown csi-hostpath-sc
  RESTART=Always pod shows shown "$STAY"
  runs shows
  local report
  report=$(hostpath status)
  grep 'storage-test/shown ' <<<"$report"
  grep "published at /var/lib/kubelet/pods/.*$(kubectl get pvc shown -o jsonpath='{.spec.volumeName}')" <<<"$report"
  remove pod/shows pvc/shown
}

# The objects of the old cluster are removed as if it had been lost: the driver is not asked to delete the volume.
export_gives_data_back() {
  local volume
  claim moved csi-hostpath-sc
  pod writer moved 'echo precious >/data/file'
  succeeds writer
  volume=$(kubectl get pvc moved -o jsonpath='{.spec.volumeName}')
  kubectl patch pv "$volume" -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'
  remove pod/writer pvc/moved "pv/$volume"
  hostpath export --storage-class=csi-hostpath-sc -o json >"$STATE/export.json"
  # Only these: the claims of other checks are there still.
  jq --arg pv "$volume" '.items |= map(select(.metadata.name == $pv or .spec.volumeName == $pv))' "$STATE/export.json" |
    kubectl apply -f -
  is_bound moved
  pod reader moved 'grep precious /data/file'
  succeeds reader
  remove pod/reader
  kubectl patch pv "$volume" -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'
  remove pvc/moved
  kubectl wait --for=delete --timeout=60s "pv/$volume"
}
