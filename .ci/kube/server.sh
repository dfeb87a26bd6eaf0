# An API server, its etcd and its controllers on loopback, for .ci/kube.sh; source it. They are stopped by process id only.
#
# Set before: $dir (theirs alone, and removed by who made it), $logs. start_servers sets up `kube`, which is kubectl as the
# cluster's administrator. Nothing of the caller's is read or written: no kubeconfig, no kuberc, no cache.
# shellcheck shell=bash disable=SC2154

readonly BIN=$PWD/.tools/bin/kube
# How long a start may take.
readonly READY_SECONDS=120

pids=()

# All talk stays on this machine, whatever proxy it is set up for.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost

kube() { env HOME="$dir" KUBECONFIG="$dir/kubeconfig" KUBERC=off "$BIN/kubectl" "$@"; }

# free_port: one on which nobody listens. The API server takes no port 0.
free_port() {
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
  echo "kube: no port is free" >&2
  return 1
}

# start NAME ARGUMENT...: its process id is $started.
start() {
  local name=$1
  shift
  # Of a process group of its own, so that a Ctrl-C is for the script alone, which then stops them in order.
  setsid "$BIN/$name" "$@" >"$logs/$name.log" 2>&1 &
  started=$!
  pids=("$started" "${pids[@]}")
}

# until_ready NAME COMMAND...: until the command succeeds, for as long as what was started last is there.
until_ready() {
  local name=$1 deadline=$((SECONDS + READY_SECONDS))
  shift
  while ((SECONDS < deadline)) && kill -0 "$started" 2>/dev/null; do
    if "$@" >/dev/null 2>&1; then
      return
    fi
    sleep 0.1
  done
  echo "kube: $name ended, or was not ready within $READY_SECONDS s. The end of $logs/$name.log:" >&2
  tail -n 10 "$logs/$name.log" >&2
  return 1
}

# Where etcd listens, from its log; nothing until it does.
etcd_address() {
  jq -Rr 'fromjson? | select(.msg | startswith("serving client traffic")) | .address' "$logs/etcd.log" | grep -m 1 .
}

start_servers() {
  local port token
  start etcd --data-dir="$dir/etcd" --unsafe-no-fsync \
    --listen-peer-urls=http://127.0.0.1:0 --listen-client-urls=http://127.0.0.1:0 --advertise-client-urls=http://127.0.0.1:0
  until_ready etcd etcd_address || return

  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' ')
  (
    umask 077
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$dir/accounts.key"
    echo "$token,administrator,administrator,system:masters" >"$dir/tokens.csv"
  )
  openssl pkey -in "$dir/accounts.key" -pubout -out "$dir/accounts.pub"
  port=$(free_port) || return
  # Its certificate it makes itself. Admission is what is on by default, PodSecurity included. Without a reconciler, since the
  # endpoint of the Service `kubernetes` may not be on loopback.
  start kube-apiserver --etcd-servers="http://$(etcd_address)" --cert-dir="$dir/certificates" \
    --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port="$port" --endpoint-reconciler-type=none \
    --token-auth-file="$dir/tokens.csv" --authorization-mode=RBAC --service-cluster-ip-range=10.96.0.0/16 \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$dir/accounts.pub" \
    --service-account-signing-key-file="$dir/accounts.key"
  (
    umask 077
    jq -n --arg token "$token" --arg server "https://127.0.0.1:$port" --arg ca "$dir/certificates/apiserver.crt" '{
        apiVersion: "v1", kind: "Config", "current-context": "here",
        clusters: [{name: "here", cluster: {server: $server, "certificate-authority": $ca}}],
        users: [{name: "administrator", user: {token: $token}}],
        contexts: [{name: "here", context: {cluster: "here", user: "administrator"}}]}' >"$dir/kubeconfig"
  )
  until_ready kube-apiserver kube get --raw /readyz || return

  # The autoscaler looks each second, not each quarter of a minute.
  start kube-controller-manager --kubeconfig="$dir/kubeconfig" --leader-elect=false --secure-port=0 \
    --service-account-private-key-file="$dir/accounts.key" --root-ca-file="$dir/certificates/apiserver.crt" \
    --horizontal-pod-autoscaler-sync-period=1s
  until_ready kube-controller-manager kube -n default get serviceaccount default
}

# Nothing of theirs is kept, so none is asked to end in order; who asks first is the first to go.
stop_servers() {
  local pid
  for pid in "${pids[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  pids=()
}
