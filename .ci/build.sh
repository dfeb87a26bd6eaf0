#!/usr/bin/env bash
# Configures and builds one preset of CMakePresets.json: build.sh PRESET [target...]
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

# One compiler cache for all clones: what it remembers does not depend on where a clone lies.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

preset=$1
shift
cmake --preset "$preset"
cmake --build --preset "$preset" ${1:+--target "$@"}
