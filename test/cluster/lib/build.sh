# Sourced by run.sh: the programs of a cluster, built from Go modules into $BIN.
# shellcheck shell=bash

build_programs() {
  local version
  build_module etcd "$BIN/etcd" '-s -w' go.etcd.io/etcd/server/v3
  version=$(module_version kubernetes k8s.io/kubernetes)
  build_module kubernetes "$BIN/" "$(kubernetes_link_flags "$version")" \
    k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kubelet,kubectl} \
    ./node-driver-registrar ./livenessprobe ./pause
  build_module sidecars "$BIN/" '-s -w -X main.version=cluster-test' \
    github.com/kubernetes-csi/external-provisioner/v6/cmd/csi-provisioner \
    github.com/kubernetes-csi/external-resizer/v2/cmd/csi-resizer \
    github.com/kubernetes-csi/external-snapshotter/v8/cmd/{csi-snapshotter,snapshot-controller}
  build_module snapshot-metadata "$BIN/" '-s -w -X main.version=cluster-test' \
    github.com/kubernetes-csi/external-snapshot-metadata/cmd/csi-snapshot-metadata
  build_module helm "$BIN/helm" '-s -w' helm.sh/helm/v3/cmd/helm
  build_module prometheus "$BIN/" '-s -w' -tags remove_all_sd,enable_kubernetes_sd \
    github.com/prometheus/prometheus/cmd/{prometheus,promtool}
  check_sidecar_version csi-provisioner sidecars github.com/kubernetes-csi/external-provisioner/v6
  check_sidecar_version csi-resizer sidecars github.com/kubernetes-csi/external-resizer/v2
  check_sidecar_version csi-snapshotter sidecars github.com/kubernetes-csi/external-snapshotter/v8
  check_sidecar_version snapshot-controller sidecars github.com/kubernetes-csi/external-snapshotter/v8
  check_sidecar_version csi-snapshot-metadata snapshot-metadata github.com/kubernetes-csi/external-snapshot-metadata
  copy_definitions
}

# build_module NAME OUTPUT LINK_FLAGS PACKAGE…: builds packages of the module in src/NAME, unless that has been done
build_module() { go_build "$1" "$1" build "${@:2}"; }

# build_test_module: the same for the tests of a package, as one program
build_test_module() { go_build "$1" "$1-test" 'test -c' "${@:2}"; }

go_build() {
  local name=$1 stamp=$BIN/.$2 command=$3 output=$4 link_flags=$5 wanted
  shift 5
  wanted=$(cd "$CLUSTER_TEST/src/$name" && { go version; find . -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum)
  [[ -e $stamp && $(<"$stamp") == "$wanted" ]] && return
  say "building $name from its Go module, which takes minutes where nothing is cached"
  (
    cd "$CLUSTER_TEST/src/$name"
    # shellcheck disable=SC2086 # two words
    CGO_ENABLED=0 GOWORK=off GOFLAGS='' nice go $command -trimpath -buildvcs=false -ldflags="$link_flags" -o "$output" "$@"
  ) >"$LOGS/build-$name.log" 2>&1 || fail "$name could not be built; see $LOGS/build-$name.log."
  echo "$wanted" >"$stamp"
}

module_version() { (cd "$CLUSTER_TEST/src/$1" && GOWORK=off GOFLAGS='' go list -m -f '{{.Version}}' "$2"); }

# The cluster has no way out, and the module cache may be emptied while the programs are kept.
copy_definitions() {
  mkdir -p "$DEFINITIONS"
  copy_definitions_of sidecars github.com/kubernetes-csi/external-snapshotter/client/v8
  copy_definitions_of snapshot-metadata github.com/kubernetes-csi/external-snapshot-metadata/client
}

# copy_definitions_of NAME MODULE: of the version in src/NAME
copy_definitions_of() {
  local directory
  directory=$(
    cd "$CLUSTER_TEST/src/$1"
    export GOWORK=off GOFLAGS=''
    go mod download "$2" && go list -m -f '{{.Dir}}' "$2"
  ) || fail "Go's module proxy does not give $2."
  install -m 0644 -t "$DEFINITIONS" "$directory"/config/crd/*.yaml
}

kubernetes_link_flags() {
  local package=k8s.io/component-base/version version=$1 minor
  minor=$(cut -d. -f2 <<<"$version")
  echo "-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor -X $package.gitTreeState=clean"
}

# check_sidecar_version SIDECAR NAME MODULE: the manifests name the version that is tested here, which is in src/NAME
check_sidecar_version() {
  local built named
  built=$(module_version "$2" "$3")
  named=$(manifest_images | grep -F "/$1:") || fail "The manifests name no image of $1."
  [[ $named == *":$built" ]] || fail "The manifests name $named, but test/cluster/src/$2 has $built."
}
