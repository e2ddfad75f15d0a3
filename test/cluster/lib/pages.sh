# Sourced by cluster.sh: runs the commands of documentation pages as a reader would, in a clone of the project and in the
# namespace `default`.
# shellcheck shell=bash
READER=$STATE/reader.kubeconfig
CLONE=$STATE/clone

become_reader() {
  sed 's/namespace: storage-test/namespace: default/' "$STATE/admin.kubeconfig" >"$READER"
  make_clone
  name_images
}

# make_clone: a directory in which commands may leave files
make_clone() { [[ -d $CLONE ]] || { mkdir "$CLONE"; ln -s "$PROJECT"/* "$CLONE"; }; }

# name_images: every node has the images under the names in the pages, as if it had pulled them
name_images() {
  local number driver
  driver=$(manifest_images | grep '^csi-driver-hostpath:')
  for number in $(node_numbers); do
    name_image "$number" "$SHELL_IMAGE" docker.io/library/busybox:latest
    name_image "$number" "docker.io/library/$driver" "registry.example.org/$driver"
  done
}

# name_image NUMBER IMAGE NAME
name_image() { in_node "$1" ctr -n k8s.io images tag --force "$2" "$3" >>"$LOGS/import.log"; }

# run_page PAGE[#HEADING] [--replace OLD NEW]…: its commands for a cluster
run_page() { run_commands --cluster "$@"; }

# run_host_page PAGE[#HEADING] [--replace OLD NEW]…: its commands for a node, on the first one
run_host_page() { run_commands --host "$@"; }

run_commands() {
  local script
  script=$(node "$PROJECT/scripts/doc-commands.mjs" "$@")
  [[ -n $script ]] || { echo "no commands: $*" >&2; return 1; }
  (cd "$CLONE" && bash -euxo pipefail -c "$script")
}

# nothing_is_left: of what pages have created in the namespace of their reader, nor its volumes and snapshots
nothing_is_left() {
  wait_for 60 "the reader's objects to go" has_no_objects || { readers_objects; return 1; }
}

has_no_objects() {
  local objects
  objects=$(readers_objects) && [[ -z $objects ]]
}

readers_objects() {
  kubectl get pods,deployments,persistentvolumeclaims -o name && belonging_to_default persistentvolumes claimRef || return
  ! has_snapshots ||
    { kubectl get volumesnapshots,volumegroupsnapshots -o name && belonging_to_default volumesnapshotcontents volumeSnapshotRef; }
}

# belonging_to_default KIND FIELD: objects without a namespace, whose field refers to one in that namespace
belonging_to_default() { kubectl get "$1" -o jsonpath="{.items[?(@.spec.$2.namespace==\"default\")].metadata.name}"; }

has_snapshots() { kubectl get customresourcedefinition volumesnapshots.snapshot.storage.k8s.io >/dev/null; }
