#!/usr/bin/env bash
# Starts a fake BigPanda, a hub and a gateway on loopback and says what to paste next; Ctrl-C or SIGTERM stops them.
# `make run` builds first.
#
# Environment: HUB_PORT (50051), HUB_ADMIN_PORT (9090), GATEWAY_PORT (8080), GATEWAY_ADMIN_PORT (9091), BIGPANDA_PORT (8081),
# 0 for any free one; INCIDENTHUB_RUN_DIR (.run) for logs, data and the keys of the fake; INCIDENTHUB_BIN (build/release/bin).
# Exit code: 0 after Ctrl-C or SIGTERM if all ended well; 1 if one did not start, died, or ended badly.
set -euo pipefail
exec </dev/null
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

bin=${INCIDENTHUB_BIN:-build/release/bin}
dir=${INCIDENTHUB_RUN_DIR:-.run}
# shellcheck source=clients/demo/pair.sh
source "$here/pair.sh"

readonly SAMPLE=tests/testdata/bigpanda/documented_sample.json

print_what_next() {
  local grpcurl sample id
  grpcurl=$(find_grpcurl)
  sample=$(jq -r .incident.id "$SAMPLE")
  # Another one in each run, since the hub remembers and the fake does not.
  id=try-$(date +%m%d-%H%M%S)
  cat <<TEXT

The hub is ready:      127.0.0.1:$hub_port (gRPC), http://127.0.0.1:$hub_admin_port/metrics
The gateway is ready:  http://127.0.0.1:$gateway_port, http://127.0.0.1:$gateway_admin_port/metrics
                       Only this machine reaches it, so it takes webhooks from anybody, without a secret.
A fake BigPanda is at: http://127.0.0.1:$bigpanda_port, http://127.0.0.1:$bigpanda_port/fake/requests
                       It posts webhooks to the gateway, and the hub tells it of resolves. It forgets its incidents
                       when it stops, so a resolve of one of an earlier run fails there.
Logs, data and keys:   $dir/hub.log  $dir/gateway.log  $dir/bigpanda.log  $dir/data  $dir/upstream

In other shells, here in $PWD:

  # follow every change
  $bin/incidentctl watch --hub=127.0.0.1:$hub_port

  # an incident opens in BigPanda, and changes; the change comes because the hub called back for it
  curl -d '{"id":"$id"}' http://127.0.0.1:$bigpanda_port/fake/incidents
  curl -d '{"status":"Warning"}' http://127.0.0.1:$bigpanda_port/fake/incidents/$id/update

  # act on it; the watch shows: resolved, upstream accepted, and BigPanda's own update; then it is confirmed
  $bin/incidentctl ack $id --note='looking' --hub=127.0.0.1:$hub_port
  $bin/incidentctl resolve $id --note='rolled back' --hub=127.0.0.1:$hub_port
  $bin/incidentctl get $id --hub=127.0.0.1:$hub_port

  # as BigPanda has it: resolved, with both notes; and what it is still to be told, or refused: nothing
  curl -s http://127.0.0.1:$bigpanda_port/fake/incidents/$id | jq .
  $bin/incidentctl upstream --hub=127.0.0.1:$hub_port

  # or be BigPanda yourself, with its documented sample; a second time, it is recognised as a duplicate
  curl -i http://127.0.0.1:$gateway_port/v1/webhooks/bigpanda -H 'Content-Type: application/json' \\
       --data-binary @$SAMPLE
TEXT
  if [[ -n "$grpcurl" ]]; then
    cat <<TEXT

  # act on that with nothing but grpcurl (-max-time 60 ends the stream by itself)
  $grpcurl -plaintext -d '{}' 127.0.0.1:$hub_port incidenthub.v1.IncidentService/Subscribe
  $grpcurl -plaintext -d '{"incident_id":"$sample","actor":"me","note":"looking"}' \\
       127.0.0.1:$hub_port incidenthub.v1.IncidentService/Ack
  $grpcurl -plaintext -d '{"incident_id":"$sample","actor":"me","note":"rolled back"}' \\
       127.0.0.1:$hub_port incidenthub.v1.IncidentService/Resolve
TEXT
  else
    cat <<TEXT
  $bin/incidentctl resolve $sample --note='rolled back' --hub=127.0.0.1:$hub_port

  (grpcurl is not there; .ci/tools.sh grpcurl gets it)
TEXT
  fi
  cat <<TEXT

  # be Cribl Stream: two alerts, one of them not understood, which is named and kept
  printf '%s\n' '{"app_key":"any","status":"critical","host":"db-1","check":"disk"}' '{"app_key":"any","status":"critical"}' |
    curl -i http://127.0.0.1:$gateway_port/data/v2/alerts --data-binary @-
  $bin/incidentctl list --match='source=alerts' --hub=127.0.0.1:$hub_port
  $bin/incidentctl quarantine list --hub=127.0.0.1:$hub_port

  # BigPanda in trouble: the next six resolves fail; one waits, 'upstream' says why, and it is tried again until it works
  curl -d '{"id":"$id-b"}' http://127.0.0.1:$bigpanda_port/fake/incidents && sleep 1
  curl -d '{"endpoint":"resolve","kind":"status","status":503,"count":6}' http://127.0.0.1:$bigpanda_port/fake/faults
  $bin/incidentctl resolve $id-b --hub=127.0.0.1:$hub_port
  $bin/incidentctl upstream --hub=127.0.0.1:$hub_port

Ctrl-C stops all three.
TEXT
}

need_binaries
need_free hub "${HUB_PORT:-50051}" HUB_PORT
need_free hub "${HUB_ADMIN_PORT:-9090}" HUB_ADMIN_PORT
need_free gateway "${GATEWAY_PORT:-8080}" GATEWAY_PORT
need_free gateway "${GATEWAY_ADMIN_PORT:-9091}" GATEWAY_ADMIN_PORT
need_free 'fake BigPanda' "${BIGPANDA_PORT:-8081}" BIGPANDA_PORT
mkdir -p "$dir"
# Held by all that is started too, for as long as one of them lives.
exec 9>"$dir/lock"
if ! flock --nonblock 9; then
  echo "$dir is in use by another run. Choose another directory: INCIDENTHUB_RUN_DIR=DIR" >&2
  exit 1
fi

# shellcheck disable=SC2317
end_of_run() {
  trap '' INT TERM HUP
  echo
  stop_all && exit 0
  exit 1
}
trap end_of_run INT TERM HUP
# Whatever else ends this script, nothing stays behind.
trap 'stop_all || true' EXIT

start_bigpanda "${BIGPANDA_PORT:-8081}" || exit 1
# Known to it before somebody posts it, so that a resolve of it is taken.
tell_bigpanda import "@$SAMPLE" || exit 1
start_hub "${HUB_PORT:-50051}" "${HUB_ADMIN_PORT:-9090}" || exit 1
start_gateway "${GATEWAY_PORT:-8080}" "${GATEWAY_ADMIN_PORT:-9091}" || exit 1
print_what_next

# Until a signal comes, or one of them ends.
ended='' code=0
wait -n -p ended "$hub_pid" "$gateway_pid" "$bigpanda_pid" || code=$?
case "$ended" in
  "$hub_pid") name=hub log=hub.log hub_pid='' ;;
  "$gateway_pid") name=gateway log=gateway.log gateway_pid='' ;;
  *) name='fake BigPanda' log=bigpanda.log bigpanda_pid='' ;;
esac
echo "The $name ended by itself, exit code $code. The end of $dir/$log:" >&2
tail -n 10 "$dir/$log" >&2
exit 1
