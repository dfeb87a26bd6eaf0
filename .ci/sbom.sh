#!/usr/bin/env bash
# Writes what a Debian image has inside, as an SPDX 2.3 JSON document: sbom.sh NAME VERSION FILE... The packages are those of dpkg's
# database; the FILEs are the binaries of NAME, which no package owns. Run inside the image, by the Dockerfiles; takes bash, dpkg,
# awk and coreutils, which every Debian image has.
set -euo pipefail
exec </dev/null

name=$1 version=$2
shift 2
# shellcheck source=/dev/null
distro=$(. /etc/os-release && echo "$ID-$VERSION_ID")
created=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%dT%H:%M:%SZ)
packages=$(dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Maintainer}\n' |
  awk -F '\t' '$1 == "installed"' | sort)
files=$(sha256sum -- "$@")
# The same image has the same name, whenever it was looked at.
digest=$(printf '%s\n' "$name" "$version" "$packages" "$files" | sha256sum | cut -c1-32)

{
  printf 'document\t%s\t%s\t%s\t%s\t%s\n' "$name" "$version" "$distro" "$created" "$digest"
  while IFS= read -r package; do printf 'package\t%s\n' "$package"; done <<<"$packages"
  while read -r hash path; do printf 'file\t%s\t%s\n' "$hash" "$path"; done <<<"$files"
} | awk -F '\t' '
  function quoted(text) { gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); return "\"" text "\"" }
  # In an identifier only letters, digits, dots and dashes may stand.
  function id(text) { gsub(/[^A-Za-z0-9.-]/, "-", text); return "SPDXRef-" text }
  # In a package URL.
  function escaped(text) { gsub(/%/, "%25", text); gsub(/\+/, "%2B", text); gsub(/:/, "%3A", text); gsub(/~/, "%7E", text); return text }
  function basename(path) { sub(/.*\//, "", path); return path }
  function contains(ref) {
    relationships = relationships (relationships ? ",\n" : "") \
      "    {\"spdxElementId\": \"SPDXRef-image\", \"relationshipType\": \"CONTAINS\", \"relatedSpdxElement\": " quoted(ref) "}"
  }
  $1 == "document" {
    version = $3
    distro = $4
    printf "{\n  \"spdxVersion\": \"SPDX-2.3\",\n  \"dataLicense\": \"CC0-1.0\",\n  \"SPDXID\": \"SPDXRef-DOCUMENT\",\n"
    printf "  \"name\": %s,\n", quoted($2 "-" $3)
    printf "  \"documentNamespace\": %s,\n", quoted("https://spdx.org/spdxdocs/" $2 "-" $3 "-" $6)
    printf "  \"creationInfo\": {\"created\": %s, \"creators\": [\"Tool: incident-hub-sbom.sh\"]},\n", quoted($5)
    printf "  \"documentDescribes\": [\"SPDXRef-image\"],\n  \"packages\": [\n"
    printf "    {\"SPDXID\": \"SPDXRef-image\", \"name\": %s, \"versionInfo\": %s, \"primaryPackagePurpose\": \"CONTAINER\",\n", quoted($2), quoted($3)
    printf "     \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false, \"licenseDeclared\": \"Apache-2.0\"}"
  }
  $1 == "package" {
    ref = id("deb-" $3 "-" $5)
    gsub(/</, "(", $8); gsub(/>/, ")", $8)
    printf ",\n    {\"SPDXID\": %s, \"name\": %s, \"versionInfo\": %s, \"supplier\": %s,\n", quoted(ref), quoted($3), quoted($4), quoted("Organization: " $8)
    printf "     \"sourceInfo\": %s, \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false,\n", quoted("built from " $6 " " $7)
    printf "     \"externalRefs\": [{\"referenceCategory\": \"PACKAGE-MANAGER\", \"referenceType\": \"purl\", \"referenceLocator\": %s}]}",
      quoted("pkg:deb/debian/" escaped($3) "@" escaped($4) "?arch=" $5 "&distro=" distro)
    contains(ref)
  }
  $1 == "file" {
    ref = id("file-" $3)
    printf ",\n    {\"SPDXID\": %s, \"name\": %s, \"versionInfo\": %s, \"packageFileName\": %s, \"primaryPackagePurpose\": \"APPLICATION\",\n",
      quoted(ref), quoted(basename($3)), quoted(version), quoted($3)
    printf "     \"checksums\": [{\"algorithm\": \"SHA256\", \"checksumValue\": %s}],\n", quoted($2)
    printf "     \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false, \"licenseDeclared\": \"Apache-2.0\"}"
    contains(ref)
  }
  END { printf "\n  ],\n  \"relationships\": [\n%s\n  ]\n}\n", relationships }'
