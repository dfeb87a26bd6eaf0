#!/usr/bin/env bash
# Installs the packages of packages.txt that are missing: setup.sh [GROUP...], [build] and [develop] if none is named.
# With all of them there it asks nobody, installs nothing and takes a fraction of a second.
set -euo pipefail
exec </dev/null
cd "$(dirname "$0")/.."

groups=("$@")
[[ ${#groups[@]} -gt 0 ]] || groups=(build develop)

packages=()
for group in "${groups[@]}"; do
  mapfile -t of_group < <(awk -v want="[$group]" '
    { sub(/#.*/, "") } $1 ~ /^\[/ { here = ($1 == want); next } here && NF { print $1 }' .ci/packages.txt)
  if [[ ${#of_group[@]} -eq 0 ]]; then
    echo "setup: .ci/packages.txt has no group [$group]" >&2
    exit 2
  fi
  packages+=("${of_group[@]}")
done

# shellcheck source=/dev/null
system=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-}") || system=unknown
if [[ "$system" != "debian 12" ]]; then
  echo "setup: this machine is '$system'; the project is built with the library versions of Debian 12 (bookworm)." >&2
  echo "setup: elsewhere, build the images instead: docker build -f server/Dockerfile . (and gateway/Dockerfile)" >&2
  exit 1
fi

# dpkg-query complains about packages it has never heard of; those are missing like any other.
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
  awk '$2 == "installed" { print $1 }' | sort -u) || true
mapfile -t missing < <(comm -13 <(echo "$installed") <(printf '%s\n' "${packages[@]}" | sort -u))
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "setup: all packages are there"
  exit 0
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: missing, and neither root nor sudo to install them: ${missing[*]}" >&2
    echo "setup: as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
# A second apt (unattended upgrades) may hold the lock for a while.
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"
