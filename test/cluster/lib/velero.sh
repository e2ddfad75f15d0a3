# Sourced by run.sh: Velero, its plugin for S3 and an object store. They are built only if the theme `backup` is asked for,
# because that takes minutes.
# shellcheck shell=bash

is_backup_wanted() { [[ " ${CHECKS:-} " == *' backup '* ]]; }

build_velero() {
  local version aws=github.com/vmware-tanzu/velero-plugin-for-aws velero=github.com/vmware-tanzu/velero
  version=$(module_version velero $velero)
  build_module velero "$BIN/" "-s -w -X $velero/pkg/buildinfo.Version=$version" \
    $velero/cmd/{velero,velero-restore-helper} $aws/{velero-plugin-for-aws,hack/cp-plugin} \
    github.com/johannesboyne/gofakes3/cmd/gofakes3
  pack_velero "$version" "$(module_version velero $aws)"
}

# pack_velero VERSION PLUGIN_VERSION: with the files and names of the published images. Not every cluster needs them, so
# they are not beside the others.
pack_velero() {
  local archives=$ARCHIVES/velero trees=$CACHE/buildah/velero
  [[ $archives/stamp -nt $BIN/velero ]] && return
  say "packing the images of Velero $1"
  rm -rf "$archives" "$trees"
  mkdir -p "$archives" "$trees"/{server/tmp,plugin/bin,plugin/plugins}
  cp "$BIN/velero" "$BIN/velero-restore-helper" "$trees/server"
  cp "$BIN/cp-plugin" "$trees/plugin/bin"
  cp "$BIN/velero-plugin-for-aws" "$trees/plugin/plugins"
  make_image localhost/cluster-test/velero '--entrypoint ["/velero"]' "$trees/server"
  export_image localhost/cluster-test/velero "velero/velero:$1" "$archives/server.tar"
  make_image localhost/cluster-test/velero-plugin \
    '--env PATH=/bin --entrypoint ["cp-plugin","/plugins/velero-plugin-for-aws","/target/velero-plugin-for-aws"]' "$trees/plugin"
  export_image localhost/cluster-test/velero-plugin "velero/velero-plugin-for-aws:$2" "$archives/plugin.tar"
  rm -rf "$trees"
  touch "$archives/stamp"
}
