#!/usr/bin/env bash
# One webhook's whole round trip on a hub, a gateway and a fake BigPanda of its own, on free ports, in a temporary directory:
# it arrives, is recognised the second time, is resolved here and by that in BigPanda, and survives a kill -9 of the hub.
# Every step is checked; the exit code tells.
set -euo pipefail
exec </dev/null
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

bin=${INCIDENTHUB_BIN:-build/release/bin}
dir=$(mktemp -d)
# shellcheck source=clients/demo/pair.sh
source "$here/pair.sh"

readonly SAMPLE=tests/testdata/bigpanda/documented_sample.json
readonly EVENT_SECONDS=15
watch_pid=''

clean_up() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  if [[ -n "$watch_pid" ]]; then
    kill -TERM "$watch_pid" 2>/dev/null || true
    wait "$watch_pid" || code=1
  fi
  stop_all || code=1
  if [[ $code -eq 0 ]]; then
    rm -rf "$dir"
    printf '\nAll of it worked.\n'
  else
    printf '\nThe demo FAILED. Logs are in %s\n' "$dir" >&2
  fi
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

step() { printf '\n== %s\n' "$*"; }
show() { printf '   %s\n' "$*"; }
fail() {
  echo "   WRONG: $*" >&2
  exit 1
}

# Milliseconds since T, which is an $EPOCHREALTIME.
ms_since() { echo $(((${EPOCHREALTIME/./} - ${1/./}) / 1000)); }

# next_event: reads lines of the watch until one is an event: $event. Snapshot marks in between are no events.
next_event() {
  local line
  while IFS= read -r -t "$EVENT_SECONDS" -u 4 line; do
    if event=$(jq -ce 'select(.event) | .event' <<<"$line"); then
      return
    fi
  done
  fail "no event within $EVENT_SECONDS s"
}

# expect_event NAME_OF_ID STATE: checks $event and shows it.
expect_event() {
  local id state sequence
  IFS=$'\t' read -r id state sequence < <(jq -r '[.incident.id, .incident.state, .sequence] | @tsv' <<<"$event")
  [[ "$id" == "$1" && "$state" == "$2" ]] || fail "the event is $sequence: $id $state, not $1 $2"
  show "event $sequence: incident $id is ${state#STATE_}"
}

# post FILE: sends it as BigPanda would; the answer's body is $answer.
post() {
  answer=$(curl --silent --show-error --fail-with-body --max-time 30 \
    "http://127.0.0.1:$gateway_port/v1/webhooks/bigpanda" \
    -H 'Content-Type: application/json' --data-binary "@$1") || fail "the gateway answered: $answer"
}

need_binaries
id=$(jq -r .incident.id "$SAMPLE")
# Another incident, for later.
jq -c '.incident.id = "demo-2"' "$SAMPLE" >"$dir/second.json"

step "Starting a fake BigPanda, a hub and a gateway"
start_bigpanda 0
tell_bigpanda import "@$SAMPLE"
tell_bigpanda import "@$dir/second.json"
start_hub 0 0
start_gateway 0 0
show "BigPanda http://127.0.0.1:$bigpanda_port (process $bigpanda_pid)"
show "hub 127.0.0.1:$hub_port (process $hub_pid), gateway http://127.0.0.1:$gateway_port (process $gateway_pid)"

step "A subscriber follows every change: incidentctl watch --json"
mkfifo "$dir/watch"
setsid "$bin/incidentctl" watch --json --hub="127.0.0.1:$hub_port" >"$dir/watch" 2>"$dir/watch.log" &
watch_pid=$!
exec 4<"$dir/watch"
IFS= read -r -t "$EVENT_SECONDS" -u 4 line || fail "the stream did not open"
[[ $(jq -r 'has("snapshot_end")' <<<"$line") == true ]] || fail "an empty hub streams $line"
show "the snapshot is empty, the stream is live"

step "BigPanda POSTs an incident"
start=$EPOCHREALTIME
post "$SAMPLE" &
post_pid=$!
next_event
took=$(ms_since "$start")
wait "$post_pid" || fail "the POST failed"
expect_event "$id" STATE_OPEN
show "at the subscriber $took ms after the POST began, and on disk before that"

step "BigPanda POSTs it again"
post "$SAMPLE"
show "$answer"
[[ $(jq .data.duplicate <<<"$answer") == true ]] || fail "it is not recognised"

step "A responder resolves it"
grpcurl=$(find_grpcurl)
start=$EPOCHREALTIME
if [[ -n "$grpcurl" ]]; then
  show "grpcurl -plaintext -d '{\"incident_id\":\"$id\",\"actor\":\"demo\"}' ... incidenthub.v1.IncidentService/Resolve"
  "$grpcurl" -plaintext -max-time 15 -d "{\"incident_id\":\"$id\",\"actor\":\"demo\",\"note\":\"rolled back\"}" \
    "127.0.0.1:$hub_port" incidenthub.v1.IncidentService/Resolve >"$dir/resolve.json" || fail "grpcurl failed"
else
  show "incidentctl resolve $id (grpcurl is not there)"
  "$bin/incidentctl" resolve "$id" --json --actor=demo --note='rolled back' --hub="127.0.0.1:$hub_port" \
    >"$dir/resolve.json"
fi
[[ $(jq .changed "$dir/resolve.json") == true ]] || fail "nothing changed"
next_event
expect_event "$id" STATE_RESOLVED
show "at the subscriber $(ms_since "$start") ms after the command was typed"

step "BigPanda is told, and says itself that the incident is closed"
upstream=''
until [[ "$upstream" == STATE_CONFIRMED ]]; do
  next_event
  expect_event "$id" STATE_RESOLVED
  upstream=$(jq -r .incident.upstream.state <<<"$event")
  show "upstream is ${upstream#STATE_}"
done
known=$(curl --silent --show-error --fail --max-time 15 "http://127.0.0.1:$bigpanda_port/fake/incidents/$id")
show "in BigPanda: $(jq -c '{id, resolved, comments}' <<<"$known")"
[[ $(jq -c '[.resolved, (.comments | length)]' <<<"$known") == '[true,1]' ]] || fail "BigPanda was not told once"

step "The hub is killed (kill -9), and while it is down BigPanda POSTs another incident"
{ kill -KILL "$hub_pid" && wait "$hub_pid"; } 2>/dev/null || true
hub_pid=''
start=$EPOCHREALTIME
post "$dir/second.json" &
post_pid=$!
start_hub "$hub_port" "$hub_admin_port"
show "the hub is back (process $hub_pid) after $(ms_since "$start") ms"
wait "$post_pid" || fail "the POST was not held until the hub was back"
show "the POST was held meanwhile, and answered after $(ms_since "$start") ms: committed"
next_event
expect_event demo-2 STATE_OPEN
show "the same watch went on by itself, and missed nothing"

step "What the hub knows now"
"$bin/incidentctl" list --hub="127.0.0.1:$hub_port" --color=never | sed 's/^/   /'
state=$("$bin/incidentctl" get "$id" --json --hub="127.0.0.1:$hub_port" | jq -r '"\(.state) \(.upstream.state)"')
[[ "$state" == 'STATE_RESOLVED STATE_CONFIRMED' ]] || fail "the incident is $state"
post "$SAMPLE"
[[ $(jq .data.duplicate <<<"$answer") == true ]] || fail "after the crash the first POST is not recognised"
show "and it still recognises the first POST: $answer"

step "Stopping"
