# Sourced by cluster.sh: the nodes, each with containerd and a kubelet of its own. The first is in the namespaces of
# cluster.sh, so that the checks see its directories; each of the others has its own mount and network namespace, in
# which it has the same paths.
# shellcheck shell=bash

# node_name NUMBER
node_name() {
  if [[ -e $STATE/node$1.name ]]; then cat "$STATE/node$1.name"; elif (($1 == 1)); then echo "$NODE"; else echo "$NODE-$1"; fi
}

# name_node NUMBER SUFFIX: from the next start on
name_node() { echo "$NODE-$2" >"$STATE/node$1.name"; }

node_ip() { echo "10.77.0.$1"; }
pod_range() { echo "10.$((87 + $1)).0.0/16"; }
node_state() { echo "$STATE/node$1"; }

# node_numbers: of the nodes that have been started
node_numbers() {
  local state
  for state in "$STATE"/node[0-9]*/; do basename "$state" | tr -dc 0-9; echo; done
}

# in_node NUMBER COMMAND…: in the namespaces of that node
in_node() {
  local number=$1
  shift
  if ((number == 1)); then "$@"; else nsenter --target "$(<"$STATE/node$number.pid")" --mount --net -- "$@"; fi
}

# start_node NUMBER: until the node is ready
start_node() {
  local name
  name=$(node_name "$1")
  (($1 == 1)) || make_node_cgroups "$1"
  make_kubelet_credentials "$1" 2>>"$LOGS/openssl.log"
  start_containerd "$1"
  start_kubelet "$1"
  wait_for 60 "the node $name" kubectl get node "$name"
  kubectl wait --for=condition=Ready --timeout=60s "node/$name" >/dev/null
}

# add_node NUMBER: a further node
add_node() {
  make_namespaces "$1"
  connect_node "$1"
  start_node "$1"
}

# make_namespaces NUMBER: held by a process that does nothing else
make_namespaces() {
  local pid=$STATE/node$1.pid
  daemon "node$1" unshare --mount --net --propagation private -- bash -euc '
    . "$1/lib/common.sh"; . "$1/lib/node.sh"
    make_node_mounts "$2"
    echo $$ >"$3.new"; mv "$3.new" "$3"
    exec sleep infinity' _ "$CLUSTER_TEST" "$1" "$pid"
  wait_for 10 "the namespaces of node $1" test -e "$pid"
}

# make_node_mounts NUMBER: the directories that a node writes to are those in its state from here on, and /run is empty:
# sockets, network namespaces and the runtime's state are not seen by the host, nor the host's here.
make_node_mounts() {
  local directory
  for directory in "${NODE_DIRECTORIES[@]}"; do
    mkdir -p "$(node_state "$1")$directory"
    # What the first node has mounted there.
    ! mountpoint -q "$directory" || umount --lazy --recursive "$directory"
    mount --bind "$(node_state "$1")$directory" "$directory"
  done
  # The driver's pod mounts below the first, and the kubelet and other pods must see that; in the second, it must see the disk
  # that docs/guides/pools.md mounts.
  mount --make-rshared /var/lib/kubelet
  mount --make-rshared /mnt/nvme
  ! mountpoint -q /run || umount --lazy --recursive /run
  mount -t tmpfs -o mode=0755 tmpfs /run
}

# There is no device but the loopback, the pods' bridges and the links between nodes, and no default route: nothing gets
# out.
make_network() {
  ip link set lo up
  ip address add $NODE_IP/32 dev lo
  route_api_service 1
}

# connect_node NUMBER: by a link to the first node, which routes between all
connect_node() {
  local link=node$1 address
  address=$(node_ip "$1")
  ip link add "$link" type veth peer name node1 netns "$(<"$STATE/node$1.pid")"
  ip link set "$link" up
  ip route add "$address/32" dev "$link" src $NODE_IP
  ip route add "$(pod_range "$1")" via "$address" dev "$link" onlink src $NODE_IP
  in_node "$1" ip link set lo up
  in_node "$1" ip link set node1 up
  in_node "$1" ip address add "$address/32" dev node1
  in_node "$1" ip route add $NODE_IP/32 dev node1 src "$address"
  in_node "$1" ip route add 10.0.0.0/8 via $NODE_IP dev node1 src "$address"
  route_api_service "$1"
}

# route_api_service NUMBER: what kube-proxy would do for the one service that matters here
route_api_service() {
  local chain
  in_node "$1" sysctl -qw net.ipv4.ip_forward=1
  for chain in PREROUTING OUTPUT; do
    in_node "$1" iptables -t nat -A $chain -d $API_SERVICE_IP -p tcp --dport 443 -j DNAT --to-destination $NODE_IP:6443
  done
}

# make_node_cgroups NUMBER: a root of its own, or kubelets would clear away each other's pods
make_node_cgroups() {
  local root=/sys/fs/cgroup group=cluster-test-$1 hierarchy
  if [[ -e $root/cgroup.controllers ]]; then
    mkdir -p "$root/$group"
    sed 's/[a-z_]*/+&/g' "$root/cgroup.controllers" >"$root/cgroup.subtree_control"
    return
  fi
  for hierarchy in "$root"/*/; do
    mkdir -p "$hierarchy$group"
    [[ -e $hierarchy$group/cpuset.mems ]] || continue
    # A new group has no processors.
    cat "${hierarchy}cpuset.cpus" >"$hierarchy$group/cpuset.cpus"
    cat "${hierarchy}cpuset.mems" >"$hierarchy$group/cpuset.mems"
  done
}

make_kubelet_credentials() {
  local name
  name=$(node_name "$1")
  make_certificate "kubelet-$1" "/O=system:nodes/CN=system:node:$name" "DNS:$name,IP:$(node_ip "$1")"
  make_kubeconfig "kubelet-$1"
}

start_containerd() {
  local archive
  write_network_configuration "$1"
  write_containerd_configuration "$1"
  daemon "containerd-$1" in_node "$1" containerd --config "$(node_state "$1")/containerd.toml"
  wait_for 30 "containerd of node $1" in_node "$1" ctr version
  for archive in "$ARCHIVES"/*.tar; do in_node "$1" ctr -n k8s.io images import "$archive" >>"$LOGS/import.log" 2>&1; done
}

write_network_configuration() {
  local state
  state=$(node_state "$1")
  mkdir -p "$state/cni"
  cat >"$state/cni/10-bridge.conflist" <<END
{"cniVersion": "0.4.0", "name": "bridge", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipam": {
    "type": "host-local", "dataDir": "$state/cni-addresses",
    "ranges": [[{"subnet": "$(pod_range "$1")"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
}

# restrict_oom_score_adj: a host may withhold the right to lower a score.
write_containerd_configuration() {
  local state
  state=$(node_state "$1")
  cat >"$state/containerd.toml" <<END
version = 2
root = "$state/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  disable_apparmor = true
  enable_selinux = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$state/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
END
}

# Frequent status and sync make attaching quick. Restarts are quick as well: the checks kill the driver several times.
start_kubelet() {
  local state name root=/
  state=$(node_state "$1")
  name=$(node_name "$1")
  (($1 == 1)) || root=/cluster-test-$1
  cat >"$state/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-$1.crt
tlsPrivateKeyFile: $PKI/kubelet-$1.key
cgroupDriver: cgroupfs
cgroupRoot: $root
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
volumePluginDir: $state/volume-plugins
featureGates: {KubeletCrashLoopBackOffMax: true}
crashLoopBackOff: {maxContainerRestartPeriod: 1s}
END
  daemon "kubelet-$1" in_node "$1" kubelet --config="$state/kubelet.yaml" --kubeconfig="$STATE/kubelet-$1.kubeconfig" \
    --hostname-override="$name" --node-ip="$(node_ip "$1")" --cert-dir="$PKI" --v=2
}

# stop_node NUMBER: ends all processes of the node but the one that holds its namespaces
stop_node() {
  local holder process
  holder=$(<"$STATE/node$1.pid")
  for process in $(processes_of "$1"); do
    ((process == holder)) || kill -KILL "$process" 2>/dev/null || true
  done
}

# processes_of NUMBER: those in its namespaces, and those of its pods
processes_of() {
  local namespace process
  namespace=$(readlink "/proc/$(<"$STATE/node$1.pid")/ns/mnt")
  for process in /proc/[0-9]*; do
    [[ $(readlink "$process/ns/mnt" 2>/dev/null) != "$namespace" ]] || basename "$process"
  done
  find /sys/fs/cgroup -path "*/cluster-test-$1/*" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u
}

# forget_node_memory NUMBER: ends the namespaces of a stopped node, and with them its mounts and network devices
forget_node_memory() {
  kill -KILL "$(<"$STATE/node$1.pid")"
  rm "$STATE/node$1.pid"
  wait_for 30 'its network link to go' has_no_link "node$1"
}

has_no_link() { ! ip link show "$1"; }
