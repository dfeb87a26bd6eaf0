#!/usr/bin/env bash
# Puts the tools that are not installed with packages.txt into .tools/bin: tools.sh [grpcurl] [nginx] [buf] [k8scheck]
# [promtool], all of them if none is named; prometheus only if it is. A second run finds the stamps of the first and does
# nothing.
#
# A tool that cannot be had (no network, say) is no failure here: it is named, with what goes unchecked. Its tests then
# report themselves as skipped, and .ci/lint.sh and .ci/k8s.sh, which cannot do without, fail.
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

# The newest that Debian 12's own Go (1.19) builds. nginx and promtool are Debian's own.
readonly GRPCURL=v1.9.1
readonly BUF=1.75.0

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

apt_install() {
  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null || return 1
    as_root=(sudo)
  fi
  echo "tools: installing ${*:-nothing, but updating the lists of packages}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"
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

# from_package PACKAGE FILE: taken out of its package, not installed with it. That would start a Prometheus on the hub's
# admin port, and an nginx.
from_package() {
  local dir failed=0
  dir=$(mktemp -d)
  (cd "$dir" && { apt-get -qq download "$1" || { apt_install && apt-get -qq download "$1"; }; } &&
    dpkg-deb -x "$1"_*.deb . && install "$2" "$TOOLS/bin/") || failed=1
  rm -rf "${dir:?}"
  return $failed
}

install_promtool() { from_package prometheus usr/bin/promtool; }
install_prometheus() { from_package prometheus usr/bin/prometheus; }

# Only with the libraries that it wants.
install_nginx() { from_package nginx usr/sbin/nginx && "$TOOLS/bin/nginx" -V; }

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
    rm -f "$TOOLS/bin/$name"
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
    *)
      echo "tools: no such tool: $name" >&2
      exit 2
      ;;
  esac
done
