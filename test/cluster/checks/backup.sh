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
  check 'a claim without a pod is restored if the node agent need not wait for one' claim_without_pod_is_restored
  check 'nothing is left of Velero and its backups' velero_goes
  check 'the driver has logged no error during the backups' driver_logged_no_error
}

in_velero() { kubectl --namespace velero "$@"; }

velero_is_installed() {
  local number archive
  [[ -e $STATE/node2.pid ]] || KUBECONFIG=$STATE/admin.kubeconfig nodes_join
  for number in $(node_numbers); do
    for archive in "$ARCHIVES"/velero/*.tar; do in_node "$number" ctr -n k8s.io images import "$archive"; done
  done
  make_clone
  sed 's/namespace: storage-test/namespace: shop/' "$STATE/admin.kubeconfig" >"$KUBECONFIG"
  daemon object-store gofakes3 -backend memory -initialbucket backups -host "$NODE_IP:9000"
  run_page docs/guides/backup/velero.md#install --replace https://objects.example.org "http://$NODE_IP:9000"
}

make_shop() {
  kubectl create namespace shop
  wait_for 30 'the service account of the pods' kubectl get serviceaccount default
}

shop_opens() {
  local name
  make_shop
  claim till csi-hostpath-wait 64Mi
  claim orders csi-hostpath-image 64Mi
  for name in till orders; do fill "$name"; done
  fill_device
}

# fill CLAIM: files of several sizes, owners and modes, and a link, on the second node; a pod of the same name has them
fill() {
  local command='cd /data; dd if=/dev/urandom of=large bs=1M count=8; chmod 640 large; ln -s large link; mkdir -p deep/er'
  # shellcheck disable=SC2016 # expanded in the pod
  command+='; for i in $(seq 50); do echo $i >deep/$i; done; chown -R 1000:2000 deep'
  pod "$1-writer" "$1" "$command" "$(on_node 2)"
  succeeds "$1-writer"
  remove "pod/$1-writer"
  pod "$1" "$1" "$STAY"
  runs "$1"
  list_files "$1" >"$STATE/$1-files"
}

# list_files POD: the types, modes, owners and checksums of the files in its volume. The file system makes lost+found, and
# Velero .velero.
list_files() {
  # shellcheck disable=SC2016 # expanded in the pod
  in_pod "$1" 'cd /data
    find . -name lost+found -prune -o -name .velero -prune -o -print | sort | while read -r file; do
      stat -c "%A %u %g %N" $file
      [ ! -f $file ] || sha256sum $file
    done'
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
  run_page docs/guides/backup/velero.md#move-snapshots
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
  local name
  shop_closes
  kubectl cordon "$(node_name 2)"
  run_page docs/guides/backup/velero.md#restore
  kubectl uncordon "$(node_name 2)"
  is_completed restore/first
  for name in till orders; do
    is_as_before "$name"
    [[ $(node_of "$name") != "$(node_name 2)" ]]
  done
  device_pod device device
  runs device
  in_pod device 'sha256sum /dev/data' | cmp - "$STATE/device-checksum"
  remove pod/device pvc/device
}

# The namespace ends, and its volumes.
shop_closes() {
  remove namespace/shop
  wait_for 60 'the volumes to go' has_no_volumes_of shop
}

# is_as_before POD: its volume has the files that were listed before the backup
is_as_before() {
  runs "$1"
  list_files "$1" | diff "$STATE/$1-files" -
}

files_are_backed_up() {
  run_page docs/guides/backup/velero.md#back-up-files
  is_completed backup/files
  [[ $(in_velero get podvolumebackups -o jsonpath='{.items[*].status.phase}') == 'Completed Completed' ]]
}

files_are_restored() {
  shop_closes
  run_page docs/guides/backup/velero.md#restore --replace first files
  is_completed restore/files
  is_as_before till
  is_as_before orders
}

claim_without_pod_is_restored() {
  shop_closes
  make_shop
  claim idle csi-hostpath-wait 64Mi
  fill idle
  remove pod/idle
  run_page docs/guides/backup/velero.md#move-snapshots --replace first idle
  is_completed backup/idle
  shop_closes
  run_page docs/guides/backup/velero.md#claims-without-a-pod
  run_page docs/guides/backup/velero.md#restore --replace first idle
  is_completed restore/idle
  pod idle idle "$STAY"
  is_as_before idle
}

velero_goes() {
  local number
  velero backup delete first files idle --confirm
  wait_for 60 'the backups to go' has_no_backups || { in_velero describe deletebackuprequests; return 1; }
  velero uninstall --force
  kubectl label volumesnapshotclass csi-hostpath-snapclass velero.io/csi-volumesnapshot-class-
  shop_closes
  for number in $(node_numbers); do wait_for 30 'the kubelet' no_mount_is_left "$number"; done
}

has_no_backups() { [[ -z $(in_velero get backups -o name) ]]; }
