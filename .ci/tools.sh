#!/usr/bin/env bash
# Puts the tools that are not installed with packages.txt into .tools/bin: tools.sh [grpcurl] [nginx] [buf] [k8scheck]
# [promtool] [prometheus] [alertmanager] [etcd] [nats] [kube], the first five if none is named. A second run finds the stamps of the first and
# does nothing.
#
# kube is an API server with its etcd, its controllers and kubectl, for .ci/kube.sh. It is built from source: a quarter of
# an hour on two busy cores, 2 GB of memory, 3 GB of Go's cache.
#
# A tool that cannot be had (no network, say) is no failure here: it is named, with what goes unchecked. Its tests then
# report themselves as skipped, and .ci/lint.sh and .ci/k8s.sh, which cannot do without, fail.
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

# The newest that Debian 12's own Go (1.19) builds. nginx and promtool are Debian's own.
readonly GRPCURL=v1.9.1
readonly BUF=1.75.0
# The schemas of what is no kind of Kubernetes' own; the version of Kubernetes is in .ci/kube/go.mod. With the hash that go.sum
# would have: in a go.mod they would move the versions of what Kubernetes is built with.
readonly CERT_MANAGER=github.com/cert-manager/cert-manager@v1.20.2
readonly CERT_MANAGER_SUM=h1:CimnY00nLqB2lmxhoSuEC4GDMFDK7JCXqyjwMM9ndIQ=
readonly PROMETHEUS_OPERATOR=github.com/prometheus-operator/prometheus-operator@v0.85.0
readonly PROMETHEUS_OPERATOR_SUM=h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=
# What Debian's Go, which cannot get another by itself, builds Kubernetes with.
readonly KUBE_GO=v0.0.1-go1.24.13

readonly TOOLS="$PWD/.tools"
readonly LOG="$TOOLS/install.log"
mkdir -p "$TOOLS/bin" "$TOOLS/stamp"

# Which Go to use: the one in PATH unless it is older than 1.19, else Debian's, installed if need be.
find_go() {
  local go
  for go in "$(command -v go || true)" /usr/lib/go-1.19/bin/go; do
    if [[ -x "$go" ]] && "$go" version | awk '
      { split(substr($3, 3), v, "."); exit !(v[1] > 1 || (v[1] == 1 && v[2] >= 19)) }'; then
      echo "$go"
      return
    fi
  done
  apt_install golang-1.19-go >&2 && echo /usr/lib/go-1.19/bin/go
}

as_root() {
  if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

apt_install() {
  echo "tools: installing ${*:-nothing, but updating the lists of packages}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"
}

install_grpcurl() {
  local go
  go=$(find_go) && GOBIN="$TOOLS/bin" timeout 600 "$go" install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$GRPCURL"
}

install_buf() {
  command -v npm >/dev/null || apt_install npm || return
  timeout 600 npm install --no-audit --no-fund --loglevel=error --prefix "$TOOLS/npm" "@bufbuild/buf@$BUF" &&
    ln -sf ../npm/node_modules/.bin/buf "$TOOLS/bin/buf" && "$TOOLS/bin/buf" --version
}

install_k8scheck() {
  local go
  go=$(find_go) && (cd .ci/k8scheck && timeout 600 "$go" build -o "$TOOLS/bin/k8scheck" . &&
    timeout 600 "$go" test -c -o "$TOOLS/bin/k8scheck_test" .)
}

# from_package PACKAGE FILE [DATA...]: the program is taken out of its package, not installed with it. That would start a
# Prometheus on the hub's admin port, and an nginx. Its data goes where the package has it: the program looks nowhere else.
from_package() {
  local dir failed=0
  dir=$(mktemp -d)
  (cd "$dir" && { apt-get -qq download "$1" || { apt_install && apt-get -qq download "$1"; }; } &&
    dpkg-deb -x "$1"_*.deb . && install "$2" "$TOOLS/bin/" &&
    for data in "${@:3}"; do as_root install -D -m 644 "$data" "/$data" || exit 1; done) || failed=1
  rm -rf "${dir:?}"
  return $failed
}

install_promtool() { from_package prometheus usr/bin/promtool; }
install_prometheus() { from_package prometheus usr/bin/prometheus; }

# What `make bench` compares with.
install_alertmanager() {
  from_package prometheus-alertmanager usr/bin/prometheus-alertmanager \
    usr/share/prometheus/alertmanager/{default,email}.tmpl &&
    mv "$TOOLS/bin/prometheus-alertmanager" "$TOOLS/bin/alertmanager" && "$TOOLS/bin/alertmanager" --version
}
install_etcd() { from_package etcd-server usr/bin/etcd && "$TOOLS/bin/etcd" --version; }
install_nats() {
  from_package nats-server usr/sbin/nats-server && mv "$TOOLS/bin/nats-server" "$TOOLS/bin/nats" && "$TOOLS/bin/nats" --version
}

# Only with the libraries that it wants.
install_nginx() { from_package nginx usr/sbin/nginx && "$TOOLS/bin/nginx" -V; }

# module PATH@VERSION [SUM]: the folder of the Go module; without the sum, as the checksum database has it.
module() {
  local found
  found=$("$go" mod download -json "$1") || return
  if [[ -n "${2:-}" && "$(jq -r .Sum <<<"$found")" != "$2" ]]; then
    echo "tools: $1 is not what it was: $(jq -r .Sum <<<"$found")" >&2
    return 1
  fi
  jq -r .Dir <<<"$found"
}

# A Go that is new enough for .ci/kube/go.mod, or gets one that is: Go does so itself since 1.21.
find_newer_go() {
  local go dir
  go=$(find_go) || return
  if ! "$go" version | grep -q 'go1\.\(19\|20\)\b'; then
    echo "$go"
    return
  fi
  dir=$(module "golang.org/toolchain@$KUBE_GO.linux-$("$go" env GOARCH)") || return
  # An archive of a module keeps no modes.
  chmod +x "$dir"/bin/* "$dir"/pkg/tool/*/* && echo "$dir/bin/go"
}

install_kube() (
  local bin=$TOOLS/bin/kube go version minor flags package dir
  rm -rf "${bin:?}" && mkdir -p "$bin/crds" && go=$(find_newer_go) || return
  export GOTOOLCHAIN=auto
  cd .ci/kube || return
  version=$("$go" list -m -f '{{.Version}}' k8s.io/kubernetes) || return
  minor=${version#v1.}
  flags="-s -w"
  for package in "gitVersion=$version" gitMajor=1 "gitMinor=${minor%%.*}"; do
    flags+=" -X k8s.io/component-base/version.$package"
  done
  for package in k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kubectl} go.etcd.io/etcd/server/v3; do
    timeout 5400 "$go" build -trimpath -ldflags "$flags" -o "$bin/" "$package" || return
  done
  mv "$bin/server" "$bin/etcd" || return
  dir=$(module "$CERT_MANAGER" "$CERT_MANAGER_SUM") &&
    install -m 644 "$dir"/deploy/crds/cert-manager.io_{certificates,issuers}.yaml "$bin/crds/" || return
  dir=$(module "$PROMETHEUS_OPERATOR" "$PROMETHEUS_OPERATOR_SUM") && install -m 644 \
    "$dir"/example/prometheus-operator-crd/monitoring.coreos.com_{prometheusrules,servicemonitors}.yaml "$bin/crds/"
)

# tool NAME VERSION WHAT_GOES_UNCHECKED
tool() {
  local name=$1 version=$2 unchecked=$3
  if [[ -x "$TOOLS/bin/$name" && "$(cat "$TOOLS/stamp/$name" 2>/dev/null)" == "$version" ]]; then
    return
  fi
  echo "tools: getting $name $version"
  if "install_$name" >"$LOG" 2>&1; then
    echo "$version" >"$TOOLS/stamp/$name"
  else
    rm -rf "${TOOLS:?}/bin/$name"
    tail -n 5 "$LOG" >&2
    echo "tools: NO $name $version: $unchecked" >&2
  fi
}

# The tests that say they use a tool, by name.
tests_with() {
  local found
  found=$(grep -rl --include='*.sh' --include='*.cc' "tools/bin/$1" tests 2>/dev/null | sort | tr '\n' ' ') || true
  echo "${found:-none}"
}

wanted=("$@")
[[ ${#wanted[@]} -gt 0 ]] || wanted=(grpcurl nginx buf k8scheck promtool)
for name in "${wanted[@]}"; do
  case "$name" in
    grpcurl) tool grpcurl "$GRPCURL" "these tests skip themselves: $(tests_with grpcurl)" ;;
    nginx) tool nginx debian-12 "these tests skip themselves: $(tests_with nginx)" ;;
    buf) tool buf "$BUF" "the protos cannot be linted" ;;
    k8scheck) tool k8scheck "$(cat .ci/k8scheck/*.go .ci/k8scheck/go.* | sha256sum | cut -c1-16)" \
      "the Kubernetes manifests cannot be checked" ;;
    promtool) tool promtool debian-12 "the alerts cannot be tested" ;;
    prometheus) tool prometheus debian-12 "the dashboard cannot be drawn" ;;
    alertmanager) tool alertmanager debian-12-with-templates "nothing is compared with it" ;;
    etcd | nats) tool "$name" debian-12 "nothing is compared with it" ;;
    kube) tool kube "$({ cat .ci/kube/go.*; sed -n '/^readonly \(CERT\|PROM\|KUBE\)/p; /^install_kube/,/^)/p' .ci/tools.sh; } | sha256sum | cut -c1-16)" \
      "no API server can be asked about the Kubernetes manifests" ;;
    *)
      echo "tools: no such tool: $name" >&2
      exit 2
      ;;
  esac
done
