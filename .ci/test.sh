#!/usr/bin/env bash
# Runs the tests of one built preset: test.sh PRESET [ctest option...]. The last lines are ctest's summary. Tests whose
# tool is missing are listed there as skipped.
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

preset=$1
shift
exec ctest --preset "$preset" --parallel 2 --no-tests=error "$@"
