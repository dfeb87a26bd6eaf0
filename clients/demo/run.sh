#!/usr/bin/env bash
# Starts a hub and a gateway on loopback and says what to paste next; Ctrl-C or SIGTERM stops both. `make run` builds first.
#
# Environment: HUB_PORT (50051), HUB_ADMIN_PORT (9090), GATEWAY_PORT (8080), GATEWAY_ADMIN_PORT (9091), 0 for any free one;
# INCIDENTHUB_RUN_DIR (.run) for logs and data; INCIDENTHUB_BIN (build/release/bin).
# Exit code: 0 after Ctrl-C or SIGTERM if both ended well; 1 if one did not start, died, or ended badly.
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
  local grpcurl id
  grpcurl=$(find_grpcurl)
  id=$(jq -r .incident.id "$SAMPLE")
  cat <<TEXT

The hub is ready:      127.0.0.1:$hub_port (gRPC), http://127.0.0.1:$hub_admin_port/metrics
The gateway is ready:  http://127.0.0.1:$gateway_port, http://127.0.0.1:$gateway_admin_port/metrics
                       Only this machine reaches it, so it takes webhooks from anybody, without a secret.
Logs and data:         $dir/hub.log  $dir/gateway.log  $dir/data

In other shells, here in $PWD:

  # follow every change
  $bin/incidentctl watch --hub=127.0.0.1:$hub_port

  # be BigPanda; a second time, it is recognised as a duplicate
  curl -i http://127.0.0.1:$gateway_port/v1/webhooks/bigpanda -H 'Content-Type: application/json' \\
       --data-binary @$SAMPLE

  # act on it
  $bin/incidentctl get $id --hub=127.0.0.1:$hub_port
  $bin/incidentctl ack $id --note='looking' --hub=127.0.0.1:$hub_port
  $bin/incidentctl resolve $id --note='rolled back' --hub=127.0.0.1:$hub_port
TEXT
  if [[ -n "$grpcurl" ]]; then
    cat <<TEXT

  # the same with nothing but grpcurl (-max-time 60 ends the stream by itself)
  $grpcurl -plaintext -d '{}' 127.0.0.1:$hub_port incidenthub.v1.IncidentService/Subscribe
  $grpcurl -plaintext -d '{"incident_id":"$id","actor":"me","note":"looking"}' \\
       127.0.0.1:$hub_port incidenthub.v1.IncidentService/Ack
  $grpcurl -plaintext -d '{"incident_id":"$id","actor":"me","note":"rolled back"}' \\
       127.0.0.1:$hub_port incidenthub.v1.IncidentService/Resolve
TEXT
  else
    printf '\n  (grpcurl is not there; .ci/tools.sh grpcurl gets it)\n'
  fi
  printf '\nCtrl-C stops both.\n'
}

need_binaries
need_free hub "${HUB_PORT:-50051}" HUB_PORT
need_free hub "${HUB_ADMIN_PORT:-9090}" HUB_ADMIN_PORT
need_free gateway "${GATEWAY_PORT:-8080}" GATEWAY_PORT
need_free gateway "${GATEWAY_ADMIN_PORT:-9091}" GATEWAY_ADMIN_PORT
mkdir -p "$dir"
# Held by hub and gateway too, for as long as one of them lives.
exec 9>"$dir/lock"
if ! flock --nonblock 9; then
  echo "$dir is in use by another run. Choose another directory: INCIDENTHUB_RUN_DIR=DIR" >&2
  exit 1
fi

# shellcheck disable=SC2317
end_of_run() {
  trap '' INT TERM HUP
  echo
  stop_both && exit 0
  exit 1
}
trap end_of_run INT TERM HUP
# Whatever else ends this script, nothing stays behind.
trap 'stop_both || true' EXIT

start_hub "${HUB_PORT:-50051}" "${HUB_ADMIN_PORT:-9090}" || exit 1
start_gateway "${GATEWAY_PORT:-8080}" "${GATEWAY_ADMIN_PORT:-9091}" || exit 1
print_what_next

# Until a signal comes, or one of them ends.
ended='' code=0
wait -n -p ended "$hub_pid" "$gateway_pid" || code=$?
if [[ "$ended" == "$hub_pid" ]]; then
  name=hub hub_pid=''
else
  name=gateway gateway_pid=''
fi
echo "The $name ended by itself, exit code $code. The end of $dir/$name.log:" >&2
tail -n 10 "$dir/$name.log" >&2
exit 1
