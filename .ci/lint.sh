#!/usr/bin/env bash
# Every check that runs no program of ours; all of them run, then those that failed are named. lint.sh --fix formats
# instead, in place.
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

readonly BUF=.tools/bin/buf
JOBS=$(nproc)
readonly JOBS
# A preset of clang's. CI, which builds asan anyway, says asan; that leaves out the tests that take the real binaries.
export PRESET=${LINT_PRESET:-tsa}
# One empty file for each clean source, named by all that the answer depends on (see tidy_keys). Shared by all clones, as
# the compiler's cache is.
export TIDY_CACHE=${TIDY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/incidenthub-tidy}
# `no` leaves the tests out of clang-tidy: half of its time, for the five checks of tests/.clang-tidy.
readonly TIDY_TESTS=${LINT_TIDY_TESTS:-yes}
readonly FOLDERS=(common server gateway clients tests)

own_sources() { find "${FOLDERS[@]}" -name '*.h' -o -name '*.cc' | sort; }

own_scripts() {
  find .ci "${FOLDERS[@]}" -name '*.sh' | sort
  echo .ci/run
}

if [[ "${1:-}" == --fix ]]; then
  own_sources | xargs clang-format-14 -i
  "$BUF" format -w proto --exclude-path proto/google --exclude-path proto/grpc
  exit
fi

check_format() { own_sources | xargs clang-format-14 --dry-run -Werror; }

# clang's build is the thread-safety analysis; what it leaves behind is what clang-tidy reads.
check_thread_safety() {
  .ci/build.sh "$PRESET" >"build/$PRESET.log" 2>&1 || { grep -vE '^(\[|--)' "build/$PRESET.log"; return 1; }
}

check_folders() { "build/$PRESET/tests/tidy_test" --gtest_brief=1; }

# "<key> <file>" for each source of ours. The key covers all that clang-tidy's answer depends on: the source and the headers
# of ours and generated ones that it includes, its command line, the configuration, and the packages' versions. Where the
# clone lies is not part of it.
tidy_keys() {
  local root=$PWD common
  common=$({
    cat .clang-tidy tests/.clang-tidy
    clang-tidy-14 --version
    awk '{ sub(/#.*/, "") } NF && !/^\[/ { print $1 }' .ci/packages.txt | xargs dpkg-query -W 2>/dev/null || true
  } | sha256sum)
  # Which files each object was compiled from, as the build recorded it: "<object> <file>".
  ninja -C "build/$PRESET" -t deps 2>/dev/null | awk -v root="$root/" -v build="build/$PRESET" '
    /^[^ ].*: #deps/ { object = $1; sub(/:$/, "", object); next }
    !NF { next }
    index($1, root) == 1 { print object, substr($1, length(root) + 1) }
    substr($1, 1, 1) != "/" { print object, build "/" $1 }' | sort >build/tidy.deps
  jq -r --arg root "$root/" '.[] | select(.file | startswith($root + "build/") | not)
    | [(.command | capture(" -o (?<object>[^ ]+) ").object), (.file | ltrimstr($root)), .command] | @tsv' "build/$PRESET/compile_commands.json" |
    while IFS=$'\t' read -r object file command; do
      # An object that was not built has no record, so nothing to go by: no key, and no answer is kept.
      if grep -q -m 1 "^$object " build/tidy.deps; then
        key=$({
          echo "$common ${command//$root/ROOT}"
          awk -v object="$object" '$1 == object { print $2 }' build/tidy.deps | xargs -r sha256sum -- | cut -d' ' -f1 | sort
        } | sha256sum | cut -d' ' -f1)
      else
        key=none
      fi
      echo "$key $file"
    done
}

# tidy_one KEY FILE
tidy_one() {
  local found
  if found=$(clang-tidy-14 --quiet -p "build/$PRESET" "$2" 2>&1); then
    [[ "$1" == none ]] || touch "$TIDY_CACHE/$1"
  else
    grep -vE '^[0-9]+ warnings? (generated|treated as error)|^Suppressed |^Use -header-filter' <<<"$found"
    return 1
  fi
}
export -f tidy_one

check_clang_tidy() {
  mkdir -p "$TIDY_CACHE"
  find "$TIDY_CACHE" -type f -mtime +30 -delete
  tidy_keys >build/tidy.keys || return 1
  local key file
  while read -r key file; do
    [[ "$TIDY_TESTS" == yes || "$file" != tests/* ]] || continue
    [[ -e "$TIDY_CACHE/$key" ]] || echo "$key $file"
  done <build/tidy.keys >build/tidy.todo
  echo "clang-tidy: $(wc -l <build/tidy.todo) of $(wc -l <build/tidy.keys) sources are new or changed, and to be checked"
  xargs -r -P "$JOBS" -n 2 bash -c 'tidy_one "$@"' tidy_one <build/tidy.todo
}

check_protos() {
  [[ -x "$BUF" ]] || { echo "lint: buf is not there; see .ci/tools.sh"; return 1; }
  local failed=0
  "$BUF" lint proto || failed=1
  "$BUF" format -d --exit-code proto --exclude-path proto/google --exclude-path proto/grpc || failed=1
  return $failed
}

# The protos can still read and write what they could at their baseline, the last commit that changed .ci/protos_since,
# and at the newest versions since.
check_protos_compatible() {
  local base commit old failed=0
  base=$(git log -1 --format=%H -- .ci/protos_since 2>/dev/null) || true
  if [[ -z "$base" ]] || ! git diff --quiet HEAD -- .ci/protos_since; then
    echo "lint: the protos as they are here become the baseline, once .ci/protos_since is committed"
    return
  fi
  old=$(mktemp -d)
  for commit in "$base" $(git log -2 --format=%H "$base..HEAD" -- proto/incidenthub); do
    rm -rf "${old:?}/proto"
    git archive "$commit" proto | tar -x -C "$old" || failed=1
    "$BUF" breaking proto --against "$old/proto" || { echo "lint: incompatible with commit $commit"; failed=1; }
  done
  rm -rf "$old"
  return $failed
}

check_scripts() { own_scripts | xargs shellcheck -x; }

# Of this machine, which is a Debian like the images: JSON, each package once, and the image has all of them.
check_sbom() {
  .ci/sbom.sh incident-hub 0 LICENSE | jq -e '(.packages | length) as $packages | $packages > 10
    and (.packages | map(.SPDXID) | unique | length) == $packages and (.relationships | length) == $packages - 1' >/dev/null
}

mkdir -p build
failures=()
# A check that is followed by || runs without -e: each returns what it found by itself.
for check in format scripts sbom protos protos_compatible thread_safety folders clang_tidy; do
  SECONDS=0
  if "check_$check"; then
    echo "lint: $check: ok (${SECONDS} s)"
  else
    echo "lint: $check: FAILED (${SECONDS} s)"
    failures+=("$check")
  fi
done
if [[ ${#failures[@]} -gt 0 ]]; then
  echo "lint: failed: ${failures[*]}"
  exit 1
fi
echo "lint: all clean"
