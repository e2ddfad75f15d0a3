# Sourced by run.sh and e2e.sh: Kubernetes' own storage suite, its programs and its images.
# shellcheck shell=bash
E2E_REGISTRY=registry.k8s.io/e2e-test-images

build_e2e_programs() {
  local package=k8s.io/kubernetes/test
  build_module e2e "$BIN/" '-s -w' $package/images/agnhost github.com/onsi/ginkgo/v2/ginkgo
  build_test_module e2e "$BIN/e2e.test" '-s -w' $package/e2e
}

# build_e2e_images: what the suite's pods run. A shell is all that is used of most of them.
build_e2e_images() {
  local shell=$CACHE/buildah/shell gnu=$CACHE/buildah/gnu image
  [[ $ARCHIVES/e2e.stamp -nt $BIN/agnhost ]] && return
  say "packing the images of Kubernetes' suite"
  rm -f "$ARCHIVES/shell.tar"
  pack_shell
  make_accounts "$shell"
  make_gnu_tree "$gnu"
  make_image localhost/cluster-test/busybox '--env PATH=/bin --cmd sh' "$shell"
  export_image localhost/cluster-test/busybox "$E2E_REGISTRY/busybox:1.37.0-1" "$ARCHIVES/busybox.tar"
  for image in nginx:1.14-4 nginx:1.15-4 jessie-dnsutils:1.7; do
    make_image "localhost/cluster-test/$image" '--env PATH=/bin --cmd sh' "$shell" "$gnu"
    export_image "localhost/cluster-test/$image" "$E2E_REGISTRY/$image" "$ARCHIVES/${image/:/-}.tar"
  done
  mkdir -p "$CACHE/buildah/agnhost"
  cp "$BIN/agnhost" "$CACHE/buildah/agnhost/agnhost"
  make_image localhost/cluster-test/agnhost '--env PATH=/bin --entrypoint ["/agnhost"] --cmd pause' "$shell" "$CACHE/buildah/agnhost"
  export_image localhost/cluster-test/agnhost "$E2E_REGISTRY/agnhost:2.56" "$ARCHIVES/agnhost.tar"
  touch "$ARCHIVES/e2e.stamp"
}

make_accounts() {
  echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
  echo 'root:x:0:' >"$1/etc/group"
}

# make_gnu_tree TREE: Debian's bash and dd; the suite uses an option that busybox's dd lacks, and busybox's shell would
# prefer its own dd.
make_gnu_tree() {
  local program library
  rm -rf "$1"
  mkdir -p "$1/bin"
  for program in bash dd; do
    cp "/bin/$program" "$1/bin/$program"
    ldd "/bin/$program" | grep -o '/[^ ]*' | while read -r library; do
      mkdir -p "$1$(dirname "$library")"
      cp --dereference "$library" "$1$library"
    done
  done
  ln -s bash "$1/bin/sh"
}
