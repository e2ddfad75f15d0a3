# Sourced by cluster.sh: the one node, containerd and the kubelet.
# shellcheck shell=bash

# The directories that a node writes to are $STATE's from here on, and /run is empty: sockets, network namespaces and
# the runtime's state are not seen by the host, nor the host's here.
make_node_mounts() {
  local directory
  for directory in "${NODE_DIRECTORIES[@]}"; do
    mkdir -p "$STATE/node$directory"
    mount --bind "$STATE/node$directory" "$directory"
  done
  # The driver's pod mounts below it, and the kubelet and other pods must see that.
  mount --make-rshared /var/lib/kubelet
  mount -t tmpfs -o mode=0755 tmpfs /run
}

start_containerd() {
  write_network_configuration
  write_containerd_configuration
  daemon containerd containerd --config "$STATE/containerd.toml"
  wait_for 30 containerd ctr version
  local archive
  for archive in "$ARCHIVES"/*.tar; do ctr -n k8s.io images import "$archive" >>"$LOGS/import.log" 2>&1; done
}

write_network_configuration() {
  mkdir -p "$STATE/cni"
  cat >"$STATE/cni/10-bridge.conflist" <<END
{"cniVersion": "0.4.0", "name": "bridge", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipam": {
    "type": "host-local", "dataDir": "$STATE/cni-addresses",
    "ranges": [[{"subnet": "$POD_RANGE"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
}

# restrict_oom_score_adj: a host may withhold the right to lower a score.
write_containerd_configuration() {
  cat >"$STATE/containerd.toml" <<END
version = 2
root = "$STATE/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  disable_apparmor = true
  enable_selinux = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$STATE/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
END
}

# Frequent status and sync make attaching quick. Restarts are quick as well: the checks kill the driver several times.
start_kubelet() {
  cat >"$STATE/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
failSwapOn: false
failCgroupV1: false
oomScoreAdj: 0
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
makeIPTablesUtilChains: false
resolvConf: ""
nodeStatusUpdateFrequency: 1s
syncFrequency: 5s
volumePluginDir: $STATE/volume-plugins
featureGates: {KubeletCrashLoopBackOffMax: true}
crashLoopBackOff: {maxContainerRestartPeriod: 1s}
END
  daemon kubelet kubelet --config="$STATE/kubelet.yaml" --kubeconfig="$STATE/kubelet.kubeconfig" \
    --hostname-override="$NODE" --node-ip="$NODE_IP" --cert-dir="$PKI" --v=2
}
