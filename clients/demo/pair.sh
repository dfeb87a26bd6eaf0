# A fake BigPanda, a hub and a gateway on loopback, for run.sh and demo.sh; source it. They are stopped by process id only,
# the gateway first, so that what it took is committed before the hub goes; the fake last, so that the hub is answered.
#
# Set before: $bin (the binaries), $dir (logs and data). Set by start_bigpanda, start_hub and start_gateway, which are called
# in this order: the process id and the ports in use, the latter read from the log, so port 0 works.
# shellcheck shell=bash disable=SC2034,SC2154

bigpanda_pid='' bigpanda_port=''
hub_pid='' hub_port='' hub_admin_port=''
gateway_pid='' gateway_port='' gateway_admin_port=''

# How long a start may take. The hub replays its log first.
readonly READY_SECONDS=${READY_SECONDS:-60}

# All talk stays on this machine, whatever proxy it is set up for.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost

# logged LOG MESSAGE FIELD: the field of the last line with that message; nothing if there is none.
logged() {
  jq -Rr --arg message "$2" --arg field "$3" \
    'fromjson? | select(.message == $message) | .[$field] // empty' "$1" 2>/dev/null | tail -n 1
}

in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# need_free NAME PORT VARIABLE
need_free() {
  if [[ "$2" != 0 ]] && in_use "$2"; then
    echo "Port $2 is already in use, and the $1 needs it. Stop what listens there, or choose another: $3=PORT" >&2
    return 1
  fi
}

# wait_until_ready NAME PID LOG MESSAGE FIELD PATH: waits until the log has named a port, and it answers 200 for the path.
wait_until_ready() {
  local name=$1 pid=$2 log=$3 message=$4 field=$5 path=$6 port='' deadline=$((SECONDS + READY_SECONDS))
  while ((SECONDS < deadline)); do
    if ! kill -0 "$pid" 2>/dev/null; then
      echo "The $name ended while starting. The end of $log:" >&2
      tail -n 10 "$log" >&2
      return 1
    fi
    port=$(logged "$log" "$message" "$field")
    if [[ -n "$port" ]] &&
      curl --silent --fail --max-time 2 --output /dev/null "http://127.0.0.1:$port$path"; then
      return
    fi
    sleep 0.05
  done
  echo "The $name was not ready within $READY_SECONDS s. The end of $log:" >&2
  tail -n 10 "$log" >&2
  return 1
}

# start_bigpanda PORT [FLAG...]: a fake BigPanda with keys of its own, and in $dir/upstream what the hub needs to tell it.
start_bigpanda() {
  local port=$1 keys=$dir/upstream
  shift
  (
    umask 077
    mkdir -p "$keys"
    # Whatever lies there from before may have other rights.
    rm -f "$keys/api_key" "$keys/app_key" "$keys/upstream.json"
    random_key >"$keys/api_key"
    random_key >"$keys/app_key"
  )
  setsid "$bin/fake-bigpanda" --port="$port" --api_key_file="$keys/api_key" --app_key_file="$keys/app_key" "$@" \
    >"$dir/bigpanda.log" 2>&1 </dev/null &
  bigpanda_pid=$!
  wait_until_ready 'fake BigPanda' "$bigpanda_pid" "$dir/bigpanda.log" listening port /fake/webhooks || return
  bigpanda_port=$(logged "$dir/bigpanda.log" listening port)
  (
    umask 077
    cat >"$keys/upstream.json" <<JSON
{"sources": [{"source": "bigpanda",
              "base_url": "http://127.0.0.1:$bigpanda_port",
              "api_key_file": "api_key",
              "app_key_file": "app_key",
              "comment_on_ack": true}]}
JSON
  )
}

random_key() { od -An -N16 -tx1 /dev/urandom | tr -d ' '; }

# tell_bigpanda PATH BODY: what happens in the fake BigPanda; BODY may be @FILE.
tell_bigpanda() {
  local answer
  answer=$(curl --silent --show-error --fail-with-body --max-time 15 "http://127.0.0.1:$bigpanda_port/fake/$1" \
    --data-binary "$2" 2>&1) || {
    echo "The fake BigPanda answered to /fake/$1: $answer" >&2
    return 1
  }
}

# start_hub PORT ADMIN_PORT
start_hub() {
  # A session of its own: a Ctrl-C in the terminal reaches the script alone, which then stops both in order.
  setsid "$bin/incident-hub" --listen="127.0.0.1:$1" --admin_listen="127.0.0.1:$2" --data_dir="$dir/data" \
    --upstream_config="$dir/upstream/upstream.json" >"$dir/hub.log" 2>&1 </dev/null &
  hub_pid=$!
  wait_until_ready hub "$hub_pid" "$dir/hub.log" serving admin_port /readyz || return
  hub_port=$(logged "$dir/hub.log" serving port)
  hub_admin_port=$(logged "$dir/hub.log" serving admin_port)
}

# start_gateway PORT ADMIN_PORT
start_gateway() {
  setsid "$bin/incident-gateway" --listen="127.0.0.1:$1" --admin_listen="127.0.0.1:$2" --hub="127.0.0.1:$hub_port" \
    >"$dir/gateway.log" 2>&1 </dev/null &
  gateway_pid=$!
  wait_until_ready gateway "$gateway_pid" "$dir/gateway.log" 'admin listening' port /readyz || return
  gateway_port=$(logged "$dir/gateway.log" listening port)
  gateway_admin_port=$(logged "$dir/gateway.log" 'admin listening' port)
  # Its port was not known before.
  tell_bigpanda webhook-url "{\"url\":\"http://127.0.0.1:$gateway_port/v1/webhooks/bigpanda\"}"
}

# stop NAME PID: asks it to end, waits, and answers with its exit code.
stop() {
  local name=$1 pid=$2 code=0
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" || code=$?
  echo "The $name has stopped, exit code $code."
  return "$code"
}

# Stops whichever run. Fails if one of them did not end well.
stop_all() {
  local failed=0
  if [[ -n "$gateway_pid" ]]; then
    stop gateway "$gateway_pid" || failed=1
    gateway_pid=''
  fi
  if [[ -n "$hub_pid" ]]; then
    stop hub "$hub_pid" || failed=1
    hub_pid=''
  fi
  if [[ -n "$bigpanda_pid" ]]; then
    stop 'fake BigPanda' "$bigpanda_pid" || failed=1
    bigpanda_pid=''
  fi
  return $failed
}

need_binaries() {
  local name
  for name in incident-hub incident-gateway incidentctl fake-bigpanda; do
    if [[ ! -x "$bin/$name" ]]; then
      echo "$bin/$name is not there: run make build first" >&2
      return 1
    fi
  done
}

# Prints how to call grpcurl; nothing if it is not to be had.
find_grpcurl() {
  if [[ -x .tools/bin/grpcurl ]]; then
    echo .tools/bin/grpcurl
  else
    command -v grpcurl || true
  fi
}
