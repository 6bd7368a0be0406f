#!/bin/sh
# Write the digest of each image that compose.yaml and kubernetes/values.yaml name,
# one "IMAGE@sha256:..." a line, to standard output or to the file given.
# Needs docker or podman, and a registry that has the images. Without: exit code 2.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

engine=
for name in docker podman; do
  if command -v "$name" >/dev/null 2>&1; then
    engine=$name
    break
  fi
done
if [ -z "$engine" ]; then
  echo "image_digests.sh: neither docker nor podman is here: no digest was written" >&2
  exit 2
fi

images=$({
  sed -n 's/^ *image: *\([^ &]*:[^ ]*\) *$/\1/p' "$here/compose.yaml"
  awk '$1 == "repository:" { repository = $2 }
       $1 == "tag:" && repository { gsub("\"", "", $2); print repository ":" $2 }' \
    "$here/kubernetes/values.yaml"
} | sort -u)

written=$(mktemp)
trap 'rm -f "$written"' EXIT
failed=0
for image in $images; do
  case $image in
    *:latest)
      echo "image_digests.sh: $image has no version tag: left out" >&2
      continue ;;
  esac
  if "$engine" pull -q "$image" >/dev/null &&
    digest=$("$engine" image inspect -f '{{index .RepoDigests 0}}' "$image"); then
    echo "$image@${digest##*@}" >>"$written"
  else
    echo "image_digests.sh: $engine cannot get $image: no digest was written" >&2
    failed=2
  fi
done
[ "$failed" = 0 ] || exit "$failed"
if [ $# -gt 0 ]; then cp "$written" "$1"; else cat "$written"; fi
