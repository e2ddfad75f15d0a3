# A backup of changed blocks through the sidecar csi-snapshot-metadata, with the commands of its guide.
# shellcheck shell=bash

check_changed_blocks() {
  local -x KUBECONFIG=$READER
  become_reader
  check 'csi-snapshot-metadata is installed beside the driver, as docs/guides/backup/changed-blocks.md says' sidecar_is_installed
  check 'two snapshots are backed up through it, the second only where it differs, and restored' changed_blocks_are_restored
  check 'it answers only who may read the snapshots' sidecar_refuses_others
  check 'the guide removes what it has created' sidecar_is_removed
}

sidecar_is_installed() {
  kubectl apply -f "$DEFINITIONS/cbt.storage.k8s.io_snapshotmetadataservices.yaml"
  run_page docs/guides/backup/changed-blocks.md#install-the-sidecar
}

# The cluster has no DNS and no kube-proxy, and the example's pod runs in an image with Node.
changed_blocks_are_restored() {
  local address image
  image=$(manifest_images | grep '^csi-driver-hostpath:')
  name_image 1 "docker.io/library/$image" docker.io/library/node:24-bookworm-slim
  address=$(in_driver_namespace get pod "$(driver_pod)" -o jsonpath='{.status.podIP}')
  local host="hostAliases: [{ip: $address, hostnames: [csi-hostpath-snapshot-metadata.csi-hostpath.svc]}]"
  run_page docs/guides/backup/changed-blocks.md#back-up-and-restore \
    --replace 'kubectl apply -f examples/kubernetes/changed-blocks/backup.yaml' \
    "sed 's/^  serviceAccountName: .*/&\\n  $host/' examples/kubernetes/changed-blocks/backup.yaml | kubectl apply -f -"
  # What the snapshots share is saved once.
  in_pod backup 'test $(stat -c %s /backups/1) -ge 2097152 && test $(stat -c %s /backups/2) -lt 1048576'
}

sidecar_refuses_others() {
  is_refused 'unauthenticated user' TOKEN_FILE=/program/ca.crt
  # Its message ends with a space, which HTTP/2 forbids, so Node has no message.
  is_refused PERMISSION_DENIED NAMESPACE=kube-system
}

# is_refused MESSAGE SETTING: the client with another setting, which saves nothing
is_refused() {
  local address=csi-hostpath-snapshot-metadata.csi-hostpath.svc:6443
  ! kubectl exec backup -- env "$2" node /program/changed-blocks.js save $address first /dev/first /backups/3 2>"$STATE/refused"
  grep "$1" "$STATE/refused"
  in_pod backup 'test ! -e /backups/3'
}

sidecar_is_removed() {
  run_page docs/guides/backup/changed-blocks.md#remove-it
  nothing_is_left
  kubectl delete -f "$DEFINITIONS/cbt.storage.k8s.io_snapshotmetadataservices.yaml"
}
