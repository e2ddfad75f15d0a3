# The commands of the guides that need the driver on one node, with the classes of the manifests.
# shellcheck shell=bash

check_docs() {
  local -x KUBECONFIG=$READER
  local page
  become_reader
  for page in "${GUIDES[@]}"; do check "the commands of $page work" run_page "$page"; done
  check 'the guides remove what they create' guides_leave_nothing
}

GUIDES=(
  docs/guides/sizes.md
  docs/guides/expand.md
  docs/guides/block-volumes.md
  docs/guides/inline.md
  docs/guides/snapshots.md
  docs/guides/group-snapshots.md
  docs/guides/health.md
  docs/guides/status.md
  docs/guides/archive.md
  docs/guides/nodes/rebuilt.md
)

# A reader keeps classes.
guides_leave_nothing() {
  nothing_is_left
  kubectl delete storageclass strict from-block
}
