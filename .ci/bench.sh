#!/usr/bin/env bash
# Measures what is built in release: bench.sh [PREFIX], which is where PREFIX.md, .json and .svg go; build/bench/results if it
# is not given. Under ten minutes on two cores. See tests/bench/README.md.
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

output=${1:-build/bench/results}
commit=$(git describe --always --dirty 2>/dev/null || echo unknown)
# On the disk that is built on: /tmp may be memory, and then nothing is synced.
data=build/bench/data
rm -rf "${data:?}"
mkdir -p "$data"
trap 'rm -rf "${data:?}"' EXIT

build/release/tests/incidenthub-load --rounds=5 --duration=1500ms --warmup=300ms --connections=1,8,64 \
  --parts=sync,echo,webhooks,followed,sync_batch,idle,open_loop,fanout,catch_up,many,sync_count,alertmanager,etcd,nats \
  --data_dir="$data" --commit="$commit" --output="$output"
echo "bench: written to $output.md, $output.json and $output.svg" >&2
