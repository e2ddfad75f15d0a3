# Sourced by run.sh: the requirements of the host, and how it is restored.
# shellcheck shell=bash

# The required files, and their Debian packages.
declare -A PACKAGE_OF=(
  [containerd]=containerd [runc]=runc [/usr/lib/cni/bridge]=containernetworking-plugins [iptables]=iptables
  [ip]=iproute2 [openssl]=openssl [jq]=jq [busybox]=busybox-static [buildah]=buildah [mmdebstrap]=mmdebstrap [mkfs.btrfs]=btrfs-progs
  [/usr/share/keyrings/debian-archive-keyring.gpg]=debian-archive-keyring
)

# The sysctls that the kubelet sets for the whole machine.
KUBELET_SYSCTLS=(vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

# host_obstacle: why the test cannot run here, in a sentence, or nothing
host_obstacle() {
  [[ $(uname -s) == Linux ]] || { echo "The cluster test needs Linux."; return; }
  ((EUID == 0)) || { echo "The cluster test needs root: it mounts and makes namespaces."; return; }
  has go || { echo "The cluster test needs Go: it builds Kubernetes from its modules."; return; }
  has npm || { echo "The cluster test needs npm: the driver's image is made with it."; return; }
  [[ -z $(missing_packages) ]] || has apt-get ||
    { echo "The cluster test needs $(missing_packages), and there is no apt-get here."; return; }
  "${IN_NAMESPACES[@]}" true 2>/dev/null ||
    { echo "The cluster test needs namespaces of its own (mount, network, process ids), which this host refuses."; return; }
  ! a_kubelet_is_here ||
    echo "The cluster test needs a machine without a kubelet: two of them would clear away each other's pods."
}

has() { command -v "$1" >/dev/null; }

missing_packages() {
  local wanted
  for wanted in "${!PACKAGE_OF[@]}"; do
    has "$wanted" || [[ -e $wanted ]] || printf '%s ' "${PACKAGE_OF[$wanted]}"
  done
}

# Pods that run have processes in these cgroups; without any they are left by a run that was killed.
a_kubelet_is_here() {
  pgrep -x kubelet >/dev/null ||
    [[ -n $(pod_cgroups | xargs -r -I ROOT find ROOT -name cgroup.procs -exec cat {} +) ]]
}

pod_cgroups() { find /sys/fs/cgroup -maxdepth 2 -type d \( -name kubepods -o -name kubepods.slice -o -name 'cluster-test-*' \); }

remove_pod_cgroups() {
  local root
  for root in $(pod_cgroups); do
    find "$root" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  done
}

install_packages() {
  local missing
  read -ra missing <<<"$(missing_packages)"
  ((${#missing[@]} > 0)) || return 0
  say "installing ${missing[*]}"
  local without_services=/usr/sbin/policy-rc.d status=0
  # Debian's way to keep packages from starting their services.
  if [[ -e $without_services ]]; then without_services=; else
    printf '#!/bin/sh\nexit 101\n' >"$without_services"
    chmod +x "$without_services"
  fi
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    >"$LOGS/packages.log" 2>&1 || status=$?
  [[ -z $without_services ]] || rm "$without_services"
  ((status == 0)) || fail "Packages could not be installed (${missing[*]}); see $LOGS/packages.log."
}

# Prefix of a command that gets mounts, network and process ids of its own. When it ends, the kernel ends every process
# in there and drops every mount; it ends when this script does.
IN_NAMESPACES=(setpriv --pdeathsig KILL
  unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc --)

# Mount points must exist on the host; those made for the test are removed after it.
make_node_directories() {
  made_directories=()
  local directory
  for directory in "${NODE_DIRECTORIES[@]}"; do make_directory "$directory"; done
}

# make_directory PATH: with the directories above it; the last one that was made is the first in $made_directories
make_directory() {
  [[ ! -d $1 ]] || return 0
  make_directory "$(dirname "$1")"
  mkdir "$1"
  made_directories=("$1" "${made_directories[@]}")
}

save_sysctls() { saved_sysctls=$(sysctl "${KUBELET_SYSCTLS[@]}" 2>/dev/null) || true; }

# restore_host: after the namespaces are gone
restore_host() {
  remove_pod_cgroups
  sysctl -q -p - <<<"$saved_sysctls" || true
  ((${#made_directories[@]} == 0)) || rmdir "${made_directories[@]}" || true
  rm -rf --one-file-system "$STATE"
}

# host_leftovers: the leftovers of the test on the host, or nothing
host_leftovers() {
  pod_cgroups
  grep -F -e "$STATE" -e /var/lib/kubelet -e /var/lib/csi-hostpath-data /proc/self/mountinfo || true
  ((${#made_directories[@]} == 0)) || ls -d "${made_directories[@]}" 2>/dev/null || true
  [[ "$(sysctl "${KUBELET_SYSCTLS[@]}" 2>/dev/null)" == "$saved_sysctls" ]] || echo "changed sysctls"
}
