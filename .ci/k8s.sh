#!/usr/bin/env bash
# Renders k8s/base and checks it; see .ci/k8scheck. Where the binaries are built, they are asked whether they know the
# arguments that the manifests pass.
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

readonly CHECK=$PWD/.tools/bin/k8scheck
if [[ ! -x "$CHECK" ]]; then
  echo "k8s: k8scheck is not there; see .ci/tools.sh" >&2
  exit 1
fi
mkdir -p build
# Finds it what it should, in a broken copy of these very manifests?
(cd .ci/k8scheck && "${CHECK}_test")
"$CHECK" k8s/base >build/k8s.yaml
echo "k8s: $(grep -c '^kind:' build/k8s.yaml) objects are sound: build/k8s.yaml"

bin=build/release/bin
[[ -x $bin/incident-hub ]] || bin=build/tsa/bin
for part in hub gateway; do
  if [[ ! -x $bin/incident-$part ]]; then
    echo "k8s: incident-$part is not built, so its arguments are not compared"
    continue
  fi
  mapfile -t args < <("$CHECK" -args k8s/base | sed -n "s/^$part //p")
  "$bin/incident-$part" --help >build/k8s.help
  for arg in "${args[@]}"; do
    flag=${arg%%=*}
    if ! grep -q -e "^ *$flag\b" build/k8s.help; then
      echo "k8s: incident-$part has no flag $flag" >&2
      exit 1
    fi
  done
  echo "k8s: incident-$part knows its ${#args[@]} arguments"
done
