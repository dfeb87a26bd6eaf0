#!/usr/bin/env bash
# Gives what k8s has to an API server with its own etcd and controllers, on loopback, and looks at what becomes of it: the
# server validates strictly, custom resources by the schemas of their projects, and its controllers make the pods, which the
# namespace's pod security standard has to admit. There is no node, so no pod runs. `.ci/tools.sh kube` builds the servers,
# which takes so long that .ci/run leaves this out.
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

logs=$PWD/build/kube
dir=$(mktemp -d)
# shellcheck source=.ci/kube/server.sh
source .ci/kube/server.sh

if [[ ! -x "$BIN/kube-apiserver" ]]; then
  rmdir "$dir"
  echo "kube: no API server is there; see .ci/tools.sh" >&2
  exit 1
fi

clean_up() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  stop_servers
  rm -rf "${dir:?}"
  [[ $code -eq 0 ]] || echo "kube: FAILED; what the servers logged is in $logs" >&2
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

fail() {
  echo "kube: $*" >&2
  exit 1
}

# How long the controllers may take for anything below.
readonly PATIENCE=60s

# apply NAMESPACE ARGUMENT...: what the server warns of is an error, as is a field that it does not know.
apply() {
  local namespace=$1
  shift
  kube apply --namespace="$namespace" --validate=strict --warnings-as-errors "$@"
}

# becomes NAMESPACE OBJECT JSONPATH VALUE
becomes() {
  kube wait --namespace="$1" "$2" --for="jsonpath={$3}=$4" --timeout="$PATIENCE" >/dev/null 2>"$logs/wait" && return
  cat "$logs/wait" >&2
  # Why no pod could be made, say.
  kube get --namespace="$1" "$2" -o "jsonpath={$3}" >&2 || true
  kube get events --namespace="$1" --field-selector=type=Warning >&2 || true
  fail "$2 of $1: $3 did not become $4 within $PATIENCE"
}

# refused WHAT WORDS COMMAND...: the command fails, and says those words.
refused() {
  local what=$1 words=$2 said
  shift 2
  if said=$("$@" 2>&1); then
    fail "not refused: $what"
  fi
  grep -qiF -e "$words" <<<"$said" || fail "$what: refused, but not with '$words': $said"
  echo "kube: refused: $what"
}

create_dry() { kube create --validate=strict --dry-run=server -f -; }

# objects NAMESPACE KIND: the names, if there are any.
objects() { kube get --namespace="$1" "$2" -o name; }

# The controllers have made of it what they should.
check_controlled() {
  local namespace=$1 name job replicas=0
  # With an autoscaler the number is the autoscaler's; so it is still, after the second apply.
  for name in $(objects "$namespace" horizontalpodautoscaler); do
    replicas=$(kube get --namespace="$namespace" "$name" -o 'jsonpath={.spec.minReplicas}')
  done
  [[ $replicas -gt 0 ]] || replicas=$(kube get --namespace="$namespace" deployment/incident-gateway -o 'jsonpath={.spec.replicas}')
  becomes "$namespace" deployment/incident-gateway .status.replicas "$replicas"
  becomes "$namespace" deployment/incident-gateway .status.updatedReplicas "$replicas"
  becomes "$namespace" statefulset/incident-hub .status.updatedReplicas 1
  becomes "$namespace" persistentvolumeclaim/data-incident-hub-0 .status.phase Pending
  # Each budget counts the pods that it is for.
  becomes "$namespace" poddisruptionbudget/incident-gateway .status.expectedPods "$replicas"
  becomes "$namespace" poddisruptionbudget/incident-hub .status.expectedPods 1
  pods=$((1 + replicas))
  for name in $(objects "$namespace" cronjob); do
    job=job/now-$(basename "$name")
    kube create --namespace="$namespace" "${job%%/*}" "${job#*/}" --from="$name" >/dev/null
    becomes "$namespace" "$job" .status.active 1
    pods=$((pods + 1))
  done
}

# same_pods NAMESPACE: as many as before.
same_pods() {
  [[ $(objects "$1" pod | wc -l) -eq $pods ]] || fail "there are not $pods pods: $(objects "$1" pod)"
}

# versions NAMESPACE DIR: what is there of it, with how often it has changed what it asks for.
versions() {
  kube get --namespace="$1" -k "$2" \
    -o 'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.metadata.generation}{"\n"}{end}'
}

# unchanged NAMESPACE DIR ARGUMENT...: another apply with these arguments would change nothing, and changes nothing.
unchanged() {
  local namespace=$1 from=$2 before
  shift 2
  kube diff --namespace="$namespace" -k "$from" "$@" || fail "$from: another apply $* would change that"
  before=$(versions "$namespace" "$from")
  apply "$namespace" -k "$from" "$@" >/dev/null
  diff <(echo "$before") <(versions "$namespace" "$from") || fail "$from: another apply $* changed that"
}

# In a namespace that is empty all of it is taken, and its pods are made; a second time nothing changes, whichever way it is
# applied.
check_fresh() {
  local from=$1 namespace=$2 number pods
  apply "$namespace" -k "$from" >"$logs/applied"
  number=$(wc -l <"$logs/applied")
  [[ $number -eq $(kube kustomize "$from" | grep -c '^kind:') ]] || fail "$from: $number objects are not all"
  check_controlled "$namespace"
  unchanged "$namespace" "$from"
  # The change from one way to the other: fields that the server has completed count as somebody else's, once.
  apply "$namespace" -k "$from" --server-side --force-conflicts >/dev/null
  unchanged "$namespace" "$from" --server-side
  same_pods "$namespace"
  echo "kube: $from: $number objects, $pods pods admitted; a second time nothing changes"
}

# namespace_of DIR: that of its objects, if it names one.
namespace_of() { kube kustomize "$1" | sed -n 's/^  namespace: //p' | sort -u; }

remove_namespace() { kube delete namespace "$1" --wait --timeout="$PATIENCE" >/dev/null; }

# of_guide WORDS: what the guide has after the line with these words, until the line that ends it.
of_guide() {
  awk -v words="$1" 'inside && /^YAML$/ { exit } inside { print } index($0, words) { inside = 1 }' k8s/OPERATIONS.md
}

# That the server looks, and what is refused is refused for that.
check_refusals() {
  local namespace=$1 change
  local -r certificates=k8s/components/cert-manager/certificates.yaml monitoring=k8s/components/monitoring
  pod_but() { # pod_but CHANGE: the hub's pod, but for that
    kube get --namespace="$namespace" pod incident-hub-0 -o json |
      jq --arg name tried '{apiVersion, kind, metadata: {name: $name, namespace: .metadata.namespace}, spec} | '"$1" | create_dry
  }
  changed() { # changed EXPRESSION FILE: the file with a change that sed makes
    ! sed "$1" "$2" | cmp -s - "$2" || fail "$2 has nothing for $1"
    sed "$1" "$2" | kube create --namespace="$namespace" --validate=strict --dry-run=server -f -
  }
  changed_server() { # the same of what is there, as a patch
    kube patch --namespace="$namespace" --dry-run=server --warnings-as-errors --type=json -p "$2" "$1"
  }
  pod_but . >/dev/null
  for change in '.spec.containers[0].securityContext.allowPrivilegeEscalation = true' '.spec.hostNetwork = true' \
    'del(.spec.containers[0].securityContext.capabilities)' 'del(.spec.securityContext.seccompProfile)' \
    '.spec.volumes += [{name: "root", hostPath: {path: "/"}}]' '.spec.securityContext.runAsUser = 0'; do
    refused "a pod with $change" 'violates PodSecurity "restricted' pod_but "$change"
  done
  refused 'a field that nobody knows' 'unknown field "spec.replica"' changed 's/^  replicas:/  replica:/' k8s/base/hub.yaml
  refused 'a key of an algorithm that cert-manager does not know' 'Unsupported value: "EC"' changed 's/ECDSA/EC/' "$certificates"
  refused 'a certificate without an issuer' 'spec.issuerRef: Required' changed '/issuerRef:/,+2d' "$certificates"
  refused 'a duration that Prometheus does not know' 'spec.groups' changed 's/for: 2m/for: 2 minutes/' "$monitoring/rules.yaml"
  refused 'a scrape interval that Prometheus does not know' 'spec.endpoints' changed 's/interval: 15s/interval: 15 s/' "$monitoring/scrape.yaml"
  refused 'a template of pods that would not be admitted' 'would violate PodSecurity "restricted' changed_server deployment/incident-gateway \
    '[{"op": "remove", "path": "/spec/template/spec/securityContext/runAsNonRoot"}]'
}

# What the guide has somebody do: its overlay, and the steps to restore a backup and to grow the disk.
check_guide() {
  local namespace=incident-hub uid
  mkdir -p build/k8s/guide/ours build/k8s/guide/larger
  of_guide '>k8s/overlays/ours/kustomization.yaml' |
    sed 's|\.\./prod|../../../../k8s/overlays/prod|; s|\.\./\.\./components|../../../../k8s/components|' >build/k8s/guide/ours/kustomization.yaml
  cat >build/k8s/guide/larger/kustomization.yaml <<'YAML'
resources: [../ours]
patches:
  - target: {kind: StatefulSet, name: incident-hub}
    patch: |
      - op: replace
        path: /spec/volumeClaimTemplates/0/spec/resources/requests/storage
        value: 50Gi
YAML
  kube apply -f k8s/overlays/prod/namespace.yaml >/dev/null
  apply "$namespace" -k build/k8s/guide/ours >"$logs/applied" 2>&1
  ! grep -i warning "$logs/applied" || fail "the guide's overlay, applied to its namespace, is warned of"
  check_controlled "$namespace"

  kube scale --namespace="$namespace" statefulset/incident-hub --replicas=0 >/dev/null
  kube wait --namespace="$namespace" --for=delete pod/incident-hub-0 --timeout="$PATIENCE" >/dev/null
  of_guide 'apply -f - <<' | apply "$namespace" -f - >/dev/null
  kube delete --namespace="$namespace" pod incident-restore --timeout="$PATIENCE" >/dev/null
  kube scale --namespace="$namespace" statefulset/incident-hub --replicas=1 >/dev/null
  becomes "$namespace" statefulset/incident-hub .status.replicas 1

  refused 'another size in the template of a StatefulSet' 'updates to statefulset spec' apply "$namespace" -k build/k8s/guide/larger
  uid=$(kube get --namespace="$namespace" pod incident-hub-0 -o 'jsonpath={.metadata.uid}')
  kube delete --namespace="$namespace" statefulset incident-hub --cascade=orphan --timeout="$PATIENCE" >/dev/null
  apply "$namespace" -k build/k8s/guide/larger >/dev/null
  becomes "$namespace" statefulset/incident-hub .status.replicas 1
  becomes "$namespace" pod/incident-hub-0 '.metadata.ownerReferences[0].uid' \
    "$(kube get --namespace="$namespace" statefulset/incident-hub -o 'jsonpath={.metadata.uid}')"
  becomes "$namespace" pod/incident-hub-0 .metadata.uid "$uid"
  echo "kube: the guide's overlay, its pod that restores, and its way to a larger disk are taken"
}

# Also finds the overlays with components that it writes wrong.
.ci/k8s.sh
rm -rf "${logs:?}"
mkdir -p "$logs"
start_servers
echo "kube: a server is there: $(kube version -o json | jq -r '.serverVersion.gitVersion')"
kube apply --server-side -f "$BIN/crds" >/dev/null
kube wait --for=condition=Established customresourcedefinition --all --timeout="$PATIENCE" >/dev/null

for from in k8s/base k8s/overlays/*/ build/k8s/*/; do
  from=${from%/}
  namespace=$(namespace_of "$from")
  if [[ -z "$namespace" ]]; then
    # For what names none: one like the overlays' own.
    namespace=incident-hub-base
    sed "s/name: incident-hub-dev/name: $namespace/" k8s/overlays/dev/namespace.yaml | kube apply -f - >/dev/null
  fi
  check_fresh "$from" "$namespace"
  remove_namespace "$namespace"
done

# Over what runs: components come and go. Here the server applies from the first on, and nothing is forced.
for from in k8s/overlays/prod build/k8s/prod-*/ k8s/overlays/prod; do
  apply incident-hub --server-side -k "${from%/}" >/dev/null
done
echo "kube: every component is taken by a prod that runs, and prod without them"
becomes incident-hub statefulset/incident-hub .status.replicas 1
check_refusals incident-hub
remove_namespace incident-hub
check_guide
