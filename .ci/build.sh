#!/usr/bin/env bash
# Configures and builds one preset of CMakePresets.json: build.sh PRESET [target...]
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

preset=$1
shift
cmake --preset "$preset"
cmake --build --preset "$preset" ${1:+--target "$@"}
