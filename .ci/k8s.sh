#!/usr/bin/env bash
# Renders what k8s has and checks it; see .ci/k8scheck. Where the binaries are built, they are asked whether they know the
# arguments that the manifests pass, also those in flag files. Alerts are tested with promtool.
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

readonly CHECK=$PWD/.tools/bin/k8scheck PROMTOOL=$PWD/.tools/bin/promtool
readonly MONITORING=k8s/components/monitoring
for tool in "$CHECK" "$PROMTOOL"; do
  if [[ ! -x "$tool" ]]; then
    echo "k8s: ${tool##*/} is not there; see .ci/tools.sh" >&2
    exit 1
  fi
done
rm -rf build/k8s
mkdir -p build/k8s

# Finds it what it should, in a broken copy of these very manifests?
(cd .ci/k8scheck && "${CHECK}_test")

# with NAME OVERLAY COMPONENT...: an overlay with components on top, as a user would write it.
with() {
  mkdir -p "build/k8s/$1"
  {
    echo "resources: [../../../k8s/overlays/$2]"
    echo "components:"
    printf -- '- ../../../k8s/components/%s\n' "${@:3}"
  } >"build/k8s/$1/kustomization.yaml"
  dirs+=("build/k8s/$1")
}
dirs=(k8s/base)
for overlay in k8s/overlays/*/; do dirs+=("${overlay%/}"); done
components=()
for component in k8s/components/*/; do
  component=$(basename "$component")
  components+=("$component")
  with "prod-$component" prod "$component"
done
with prod-all prod "${components[@]}"
with dev-monitoring dev monitoring
for dir in "${dirs[@]}"; do
  out=build/k8s/${dir##*/}.yaml
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
  mapfile -t args < <(for dir in "${dirs[@]}"; do "$CHECK" -args "$dir"; done | sed -n "s/^$part //p" | sort -u)
  "$bin/incident-$part" --help >build/k8s/help
  for arg in "${args[@]}"; do
    flag=${arg%%=*}
    if ! grep -q -e "^ *$flag\b" build/k8s/help; then
      echo "k8s: incident-$part has no flag $flag" >&2
      exit 1
    fi
  done
  echo "k8s: incident-$part knows its ${#args[@]} arguments"
done

# Every expression of the dashboard, as rules, since those promtool parses.
jq '{groups: [{name: "dashboard", rules: [(.panels[].targets[]?, .annotations.list[]).expr | gsub("\\$__rate_interval"; "5m")] | to_entries |
    map({record: "panel:\(.key)", expr: .value})}]}' "$MONITORING/dashboard.json" >build/k8s/dashboard.rules.yaml
"$PROMTOOL" check rules build/k8s/dashboard.rules.yaml
# The command that rules.yaml names for those without the operator.
sed '1,/^spec:/d; s/^  //' "$MONITORING/rules.yaml" >build/k8s/incident-hub.rules.yaml
cp "$MONITORING"/rules*_test.yaml build/k8s/
"$CHECK" -alerts "$MONITORING/rules.yaml" k8s/OPERATIONS.md "$MONITORING"/rules*_test.yaml
"$PROMTOOL" check rules build/k8s/incident-hub.rules.yaml
(cd build/k8s && "$PROMTOOL" test rules rules*_test.yaml)
