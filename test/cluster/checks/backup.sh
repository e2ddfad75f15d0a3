# Velero copies volumes to an object store outside of the cluster and back, with the commands of
# docs/guides/backup/velero.md.
# shellcheck shell=bash

check_backup() {
  local -x KUBECONFIG=$STATE/shop.kubeconfig
  check 'Velero runs on three nodes, with an object store' velero_is_installed
  check 'applications have volumes of several classes' shop_opens
  check 'snapshots are moved to the object store, and nothing of them stays in the cluster' snapshots_are_moved
  check 'a deleted namespace is restored from its snapshots, on other nodes than before' snapshots_are_moved_back
  check 'the files of running pods are backed up' files_are_backed_up
  check 'a deleted namespace is restored from its files' files_are_restored
  check 'nothing is left of Velero and its backups' velero_goes
  check 'the driver has logged no error during the backups' driver_logged_no_error
}

in_velero() { kubectl --namespace velero "$@"; }

# run_guide HEADING [--replace OLD NEW]…: the commands of a section
run_guide() {
  local script heading=$1
  shift
  script=$(node "$PROJECT/scripts/doc-commands.mjs" --cluster "docs/guides/backup/velero.md#$heading" "$@")
  [[ -n $script ]] || { echo "no commands in $heading" >&2; return 1; }
  (cd "$STATE" && bash -euxo pipefail -c "$script")
}

velero_is_installed() {
  local number archive
  [[ -e $STATE/node2.pid ]] || KUBECONFIG=$STATE/admin.kubeconfig nodes_join
  for number in $(node_numbers); do
    for archive in "$ARCHIVES"/velero/*.tar; do in_node "$number" ctr -n k8s.io images import "$archive"; done
  done
  sed 's/namespace: storage-test/namespace: shop/' "$STATE/admin.kubeconfig" >"$KUBECONFIG"
  daemon object-store gofakes3 -backend memory -initialbucket backups -host "$NODE_IP:9000"
  run_guide install --replace https://objects.example.org "http://$NODE_IP:9000"
}

shop_opens() {
  local name
  kubectl create namespace shop
  wait_for 30 'the service account of the pods' kubectl get serviceaccount default
  claim till csi-hostpath-wait 64Mi
  claim orders csi-hostpath-image 64Mi
  for name in till orders; do
    pod "$name-writer" "$name" "$(write_files)" "$(on_node 2)"
    succeeds "$name-writer"
    remove "pod/$name-writer"
    pod "$name" "$name" "$STAY"
    runs "$name"
    list_files "$name" >"$STATE/$name-files"
  done
  fill_device
}

# write_files: a command that makes files of several sizes, owners and modes, and a link
write_files() {
  # shellcheck disable=SC2016 # expanded in the pod
  echo 'mkdir -p /data/deep/er; dd if=/dev/urandom of=/data/large bs=1M count=8; for i in $(seq 50); do echo $i >/data/deep/$i; done; ln -s large /data/link; chmod 640 /data/large; chown -R 1000:2000 /data/deep'
}

# list_files POD: the types, modes, owners and checksums of the files in its volume; lost+found is not the application's
list_files() {
  in_pod "$1" 'cd /data; find . -path ./lost+found -prune -o -print | sort | xargs stat -c "%A %u %g %N"; find . -type f -exec sha256sum {} + | sort'
}

# fill_device: a block volume that no pod uses during the backup
fill_device() {
  kubectl apply -f - <<END
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: device}
spec:
  storageClassName: csi-hostpath-sc
  volumeMode: Block
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 16Mi}}
END
  device_pod device device
  runs device
  in_pod device 'dd if=/dev/urandom of=/dev/data bs=1M count=16; sync'
  in_pod device 'sha256sum /dev/data' >"$STATE/device-checksum"
  remove pod/device
}

snapshots_are_moved() {
  volumes_on_disks >"$STATE/volumes-before"
  run_guide move-snapshots
  is_completed backup/first
  # One for each claim.
  [[ $(in_velero get datauploads -o jsonpath='{.items[*].status.phase}') == 'Completed Completed Completed' ]]
  wait_for 60 'the snapshots and their volumes to go' nothing_is_in_transit || {
    kubectl get pods,persistentvolumeclaims,volumesnapshots,volumesnapshotcontents --all-namespaces
    volumes_on_disks
    return 1
  }
}

# is_completed OBJECT: a backup or a restore
is_completed() {
  [[ $(in_velero get "$1" -o jsonpath='{.status.phase}') == Completed ]] || { in_velero describe "$1"; return 1; }
}

volumes_on_disks() {
  find "$STATE"/node*/var/lib/csi-hostpath-data/{volumes,snapshots} -mindepth 1 -maxdepth 1 | sort
}

nothing_is_in_transit() {
  [[ -z $(kubectl get volumesnapshots,volumesnapshotcontents --all-namespaces -o name) ]] &&
    [[ -z $(in_velero get persistentvolumeclaims -o name) ]] &&
    volumes_on_disks | cmp - "$STATE/volumes-before"
}

snapshots_are_moved_back() {
  shop_closes
  kubectl cordon "$(node_name 2)"
  run_guide restore
  kubectl uncordon "$(node_name 2)"
  is_completed restore/first
  shop_is_as_before
  [[ $(node_of till) != "$(node_name 2)" ]]
  device_pod device device
  runs device
  in_pod device 'sha256sum /dev/data' | cmp - "$STATE/device-checksum"
  remove pod/device pvc/device
}

# The namespace ends, and its volumes.
shop_closes() {
  remove namespace/shop
  wait_for 60 'the volumes to go' has_no_volumes
}

has_no_volumes() {
  [[ -z $(kubectl get pv -o jsonpath='{.items[?(@.spec.claimRef.namespace=="shop")].metadata.name}') ]]
}

shop_is_as_before() {
  local name
  for name in till orders; do
    runs "$name"
    list_files "$name" | diff "$STATE/$name-files" -
  done
}

files_are_backed_up() {
  run_guide back-up-files
  is_completed backup/files
  [[ $(in_velero get podvolumebackups -o jsonpath='{.items[*].status.phase}') == 'Completed Completed' ]]
}

files_are_restored() {
  shop_closes
  run_guide restore --replace first files
  is_completed restore/files
  shop_is_as_before
}

velero_goes() {
  local number
  velero backup delete first files --confirm
  wait_for 60 'the backups to go' has_no_backups || { in_velero describe deletebackuprequests; return 1; }
  velero uninstall --force
  kubectl label volumesnapshotclass csi-hostpath-snapclass velero.io/csi-volumesnapshot-class-
  shop_closes
  for number in $(node_numbers); do wait_for 30 'the kubelet' no_mount_is_left "$number"; done
}

has_no_backups() { [[ -z $(in_velero get backups -o name) ]]; }
