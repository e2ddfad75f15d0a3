# Nodes that go and come back, under their name or another one.
# shellcheck shell=bash

check_node_changes() {
  check 'a node that is lost and returns has its volumes' node_returns
  check 'after a reboot of its node a pod runs again, with its data' node_reboots
  check 'the volumes and snapshots of a renamed node are used there again' node_is_renamed
  check 'deleting claims removes the volumes of all nodes' volumes_of_nodes_go
}

# Everything that runs on the node ends at once, and nothing is unmounted.
node_returns() {
  save_driver_logs
  stop_node 2
  kubectl wait --for=condition=Ready=Unknown --timeout=120s "node/$(node_name 2)"
  # Others go on.
  claim elsewhere csi-hostpath-wait
  pod elsewhere elsewhere 'echo here >/data/file'
  succeeds elsewhere
  remove pod/elsewhere pvc/elsewhere
  start_node 2
  wait_for 120 'the driver' is_ready_on 2
  kubectl delete pod second --force --grace-period=0
  pod again second 'grep -x two /data/file'
  succeeds again
  remove pod/again
}

is_ready_on() {
  in_driver_namespace wait --for=condition=Ready --timeout=10s "pod/$(driver_pod "$1")"
}

node_reboots() {
  RESTART=Always pod lasting second "grep -x two /data/file; echo booted >>/data/boots; sync; $STAY"
  runs lasting
  wait_for 30 'the first boot' has_booted 1
  save_driver_logs
  stop_node 2
  forget_node_memory 2
  add_node 2
  wait_for 180 'the pod after the reboot' has_booted 2
  is_ready_on 2
  remove pod/lasting
}

has_booted() { [[ $(in_pod lasting 'wc -l </data/boots') == "$1" ]]; }

# A volume's topology is the name of its node, which its PersistentVolume keeps, so that this must be made again.
node_is_renamed() {
  local content
  snapshot kept-snapshot second
  is_ready volumesnapshot/kept-snapshot
  content=$(kubectl get volumesnapshot kept-snapshot -o jsonpath='{.status.boundVolumeSnapshotContentName}')
  save_driver_logs
  stop_node 2
  kubectl delete node "$(node_name 2)"
  name_node 2 renamed
  start_node 2
  wait_for 120 'the driver' is_ready_on 2
  move_volume second "$(node_name 2)"
  pod moved second 'grep -x two /data/file'
  succeeds moved
  remove pod/moved
  kubectl label --overwrite volumesnapshotcontent "$content" "snapshot.storage.kubernetes.io/managed-by=$(node_name 2)"
  claim from-kept csi-hostpath-sc 96Mi "$(from_snapshot kept-snapshot)"
  pod from-kept from-kept 'grep -x two /data/file'
  succeeds from-kept
  remove pod/from-kept pvc/from-kept volumesnapshot/kept-snapshot
  wait_for 60 'the snapshot to go' no_snapshot_is_on 2
}

# move_volume CLAIM NODE: makes its PersistentVolume and the claim again, for that node
move_volume() {
  local volume objects=$STATE/moved
  volume=$(kubectl get pvc "$1" -o jsonpath='{.spec.volumeName}')
  kubectl patch pv "$volume" -p '{"spec": {"persistentVolumeReclaimPolicy": "Retain"}}'
  kubectl get pv "$volume" -o json |
    jq --arg node "$2" 'del(.status, .metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.finalizers,
      .spec.claimRef.uid, .spec.claimRef.resourceVersion)
      | .spec.persistentVolumeReclaimPolicy = "Delete"
      | .spec.nodeAffinity.required.nodeSelectorTerms[].matchExpressions[].values = [$node]' >"$objects-volume.json"
  kubectl get pvc "$1" -o json |
    jq 'del(.status, .metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.finalizers,
      .metadata.annotations)' >"$objects-claim.json"
  remove "pvc/$1"
  remove "pv/$volume"
  kubectl apply -f "$objects-volume.json" -f "$objects-claim.json"
  is_bound "$1"
}

volumes_of_nodes_go() {
  remove pvc/second
  wait_for 60 'the volume to go' is_empty "$(node_state 2)/var/lib/csi-hostpath-data/volumes"
}
