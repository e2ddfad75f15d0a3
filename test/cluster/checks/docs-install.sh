# The commands of the pages that install the driver, in a cluster without it, and those of the guides that need the chart.
# shellcheck shell=bash

check_docs_install() {
  local -x KUBECONFIG=$READER
  local page
  become_reader
  check 'the cluster has neither the driver nor the snapshot API' cluster_is_bare
  check 'the commands of README.md lead from there to a pod with its claim' readme_leads_to_a_pod
  check 'the commands of docs/guides/uninstall.md remove the driver' readme_is_undone
  check 'the commands of docs/tutorials/first-volume.md work, and remove the driver' tutorial_works
  for page in "${INSTALL_PAGES[@]}"; do check "the commands of $page install a driver that serves a claim" page_installs "$page"; done
  check 'the commands of docs/guides/install/helm.md install two releases, and upgrade one' page_installs_releases
  check 'the commands of docs/guides/install/manifests.md install the driver' page_applies_manifests
  check 'the commands of docs/guides/install/helm.md move from the manifests to the chart' page_moves_to_chart
  check 'the commands of docs/guides/install/README.md give the chart on one node the classes of the manifests' page_adds_classes
  check 'the commands of docs/guides/pools.md put a volume on another disk' page_adds_pool
  check 'the commands of docs/guides/attributes-class.md retain a volume' page_retains_volume
  check 'the commands of docs/guides/monitoring.md make the driver serve metrics' page_enables_metrics
  check 'nothing is left of the installations' installations_are_gone
}

INSTALL_PAGES=(
  deploy/helm/csi-hostpath/README.md
  docs/guides/install/k3s.md
  docs/guides/install/rke2.md
  docs/guides/install/kind.md
  docs/guides/install/minikube.md
  docs/guides/install/talos.md
  docs/guides/install/kubeadm.md
)

cluster_is_bare() {
  local part
  for part in snapshot-classes base snapshot-controller; do
    kubectl delete --ignore-not-found --timeout=120s -k "$MANIFESTS/$part"
  done
  kubectl delete --timeout=60s -k "$DEFINITIONS"
  remove_data
}

readme_leads_to_a_pod() {
  run_page README.md#in-a-cluster
}

readme_is_undone() {
  remove pod/first pvc/first
  uninstall
}

tutorial_works() {
  run_page docs/tutorials/first-volume.md
  driver_is_gone
}

# page_installs PAGE: a preset may need the snapshot API, or other directories than the one before it
page_installs() {
  kubectl apply -k "$DEFINITIONS"
  run_page "$1"
  serves_a_claim csi-hostpath
  uninstall
}

# serves_a_claim CLASS
serves_a_claim() {
  claim served "$1"
  pod served served 'echo kept >/data/file'
  succeeds served
  remove pod/served pvc/served
  nothing_is_left
}

uninstall() {
  nothing_is_left
  run_page docs/guides/uninstall.md
  driver_is_gone
}

driver_is_gone() {
  local number
  for number in $(node_numbers); do wait_for 30 'the kubelet to forget the driver' is_forgotten_on "$number"; done
  remove_data
}

# remove_data: as docs/guides/uninstall.md says, but the directories are mount points here
remove_data() {
  local number
  for number in $(node_numbers); do
    in_node "$number" find "${DATA_DIRECTORIES[@]}" -mindepth 1 -delete
    in_node "$number" find /var/lib/kubelet/plugins -name statedir.json -delete
  done
}

page_installs_releases() {
  run_page docs/guides/install/helm.md#in-three-commands
  run_page docs/guides/install/helm.md#several-releases
  serves_a_claim csi-hostpath
  serves_a_claim scratch-csi-hostpath
  run_page docs/guides/install/helm.md#upgrading
  serves_a_claim csi-hostpath
  helm uninstall scratch --namespace csi-hostpath
  uninstall
}

page_applies_manifests() {
  run_page docs/guides/install/manifests.md
  claim moving csi-hostpath-wait
  pod before moving 'echo kept >/data/file'
  succeeds before
  remove pod/before
}

page_moves_to_chart() {
  run_page docs/guides/install/helm.md#moving-from-the-manifests
  pod after moving 'grep -x kept /data/file'
  succeeds after
  remove pod/after pvc/moving
  uninstall
}

# csi-resizer must be beside the driver that has the volume.
page_adds_classes() {
  run_page docs/guides/install/kubeadm.md \
    --replace registry.example.org "registry.example.org --set node.nodeSelector.kubernetes\\\\.io/hostname=$NODE"
  run_page docs/guides/install/README.md
}

page_adds_pool() {
  local disk
  truncate -s 8G "$STATE/fast"
  disk=$(losetup --find --show "$STATE/fast")
  run_host_page docs/guides/pools.md --replace /dev/nvme1n1 "$disk"
  # It goes with its mount.
  losetup --detach "$disk"
  run_page docs/guides/pools.md
  claim fast fast 64Mi
  pod fast fast 'echo kept >/data/file'
  succeeds fast
  grep -rx kept /mnt/nvme/csi-hostpath/volumes
  remove pod/fast pvc/fast
  nothing_is_left
}

page_retains_volume() {
  run_page docs/guides/attributes-class.md
  [[ -n $(find /var/lib/csi-hostpath-data/retained -mindepth 1) ]]
}

page_enables_metrics() {
  run_page docs/guides/monitoring.md
  local address
  address=$(in_driver_namespace get pod "$(driver_pod)" -o jsonpath='{.status.podIP}')
  busybox wget -q -O - "http://$address:9808/metrics" | grep '^csi_hostpath_pool_'
}

installations_are_gone() {
  uninstall
  umount /mnt/nvme
  kubectl delete -f "$EXAMPLES/attributes-class.yaml" -f "$MANIFESTS/base/storage-classes.yaml"
  kubectl delete storageclass fast
  [[ -z $(helm list --all --all-namespaces --short) ]]
  local kinds=namespaces,csidrivers,storageclasses,clusterroles,clusterrolebindings,volumesnapshotclasses
  if kubectl get "$kinds" -o name | grep -e hostpath -e scratch; then return 1; fi
}
