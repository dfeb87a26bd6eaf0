#!/usr/bin/env bash
# Renders what k8s has and checks it; see .ci/k8scheck. Where the binaries are built, they are asked whether they know the
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
readonly DIRS=(k8s/base k8s/overlays/upstream)
for dir in "${DIRS[@]}"; do
  out=build/k8s-${dir##*/}.yaml
  "$CHECK" "$dir" >"$out"
  echo "k8s: $dir: $(grep -c '^kind:' "$out") objects are sound: $out"
done

bin=build/release/bin
[[ -x $bin/incident-hub ]] || bin=build/${LINT_PRESET:-tsa}/bin
for part in hub gateway; do
  if [[ ! -x $bin/incident-$part ]]; then
    echo "k8s: incident-$part is not built, so its arguments are not compared"
    continue
  fi
  mapfile -t args < <(for dir in "${DIRS[@]}"; do "$CHECK" -args "$dir"; done | sed -n "s/^$part //p" | sort -u)
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
