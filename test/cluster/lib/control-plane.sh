# Sourced by cluster.sh: network, certificates and the control plane.
# shellcheck shell=bash

# The control plane is on the first node.
NODE_IP=10.77.0.1
SERVICE_RANGE=10.96.0.0/16
API_SERVICE_IP=10.96.0.1
PKI=$STATE/pki

make_certificates() {
  mkdir -p "$PKI"
  openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/ca.key"
  openssl req -x509 -new -key "$PKI/ca.key" -subj /CN=cluster-test -days 30 -out "$PKI/ca.crt"
  openssl genrsa -out "$PKI/accounts.key" 2048
  openssl rsa -in "$PKI/accounts.key" -pubout -out "$PKI/accounts.pub"
  make_certificate apiserver /CN=kube-apiserver "DNS:kubernetes.default.svc,IP:$NODE_IP,IP:$API_SERVICE_IP,IP:127.0.0.1"
  make_certificate apiserver-to-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client
  make_certificate admin /O=system:masters/CN=admin
  make_certificate controller-manager /CN=system:kube-controller-manager
  make_certificate scheduler /CN=system:kube-scheduler
  local user
  for user in admin controller-manager scheduler; do make_kubeconfig $user; done
}

# make_certificate NAME SUBJECT [ALTERNATIVE_NAMES]
make_certificate() {
  local files=$PKI/$1
  openssl ecparam -name prime256v1 -genkey -noout -out "$files.key"
  openssl req -new -key "$files.key" -subj "$2" -out "$files.csr"
  printf 'extendedKeyUsage=serverAuth,clientAuth\nkeyUsage=digitalSignature\n%s\n' "${3:+subjectAltName=$3}" >"$files.ext"
  openssl x509 -req -in "$files.csr" -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 30 \
    -extfile "$files.ext" -out "$files.crt"
}

make_kubeconfig() {
  cat >"$STATE/$1.kubeconfig" <<END
apiVersion: v1
kind: Config
current-context: cluster-test
clusters: [{name: cluster-test, cluster: {server: "https://$NODE_IP:6443", certificate-authority: $PKI/ca.crt}}]
users: [{name: $1, user: {client-certificate: $PKI/$1.crt, client-key: $PKI/$1.key}}]
contexts: [{name: cluster-test, context: {cluster: cluster-test, user: $1, namespace: storage-test}}]
END
}

# daemon NAME COMMAND…: in the background; ends with the process id namespace
daemon() {
  local name=$1
  shift
  "$@" >"$LOGS/$name.log" 2>&1 </dev/null &
}

# start_control_plane [FLAG…]: of the API server
start_control_plane() {
  daemon etcd etcd --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn
  daemon kube-apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 \
    --advertise-address=$NODE_IP --secure-port=6443 --service-cluster-ip-range=$SERVICE_RANGE \
    --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" --client-ca-file="$PKI/ca.crt" \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file="$PKI/accounts.pub" --service-account-signing-key-file="$PKI/accounts.key" \
    --kubelet-client-certificate="$PKI/apiserver-to-kubelet.crt" --kubelet-client-key="$PKI/apiserver-to-kubelet.key" \
    --kubelet-preferred-address-types=InternalIP --authorization-mode=Node,RBAC \
    --enable-admission-plugins=NodeRestriction --allow-privileged=true --v=1 "$@"
}

# start_controllers [FLAG…]: of the controller manager
start_controllers() {
  daemon kube-controller-manager kube-controller-manager --kubeconfig="$STATE/controller-manager.kubeconfig" \
    --service-account-private-key-file="$PKI/accounts.key" --root-ca-file="$PKI/ca.crt" \
    --use-service-account-credentials --leader-elect=false --bind-address=127.0.0.1 --v=2 "$@"
  daemon kube-scheduler kube-scheduler --kubeconfig="$STATE/scheduler.kubeconfig" \
    --leader-elect=false --bind-address=127.0.0.1 --v=2
}
