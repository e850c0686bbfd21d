#!/usr/bin/env bash
# Installs Debian packages that are missing. Standard input lists them, one "PACKAGE CHECK" a line,
# CHECK being a command that succeeds where the package is there. With nothing missing this neither
# asks for root nor runs apt-get. What cannot be had is named, and the exit status is 1.
set -euo pipefail

declare -A checks=()
missing=()
present() { bash -c "${checks[$1]}" </dev/null >/dev/null 2>&1; }

while read -r package check; do
  [[ -z $package || $package == \#* ]] && continue
  checks[$package]=$check
  present "$package" || missing+=("$package")
done
((${#missing[@]})) || exit 0

apt() {
  local root=()
  ((EUID == 0)) || root=(sudo)
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null >&2
}

echo "installing system packages: ${missing[*]}" >&2
apt update || echo "apt-get update failed: going on with what is known" >&2
failed=0
for package in "${missing[@]}"; do
  apt install --yes --no-install-recommends "$package" || true
  if ! present "$package"; then
    echo "cannot install $package (\`${checks[$package]}\` still fails)" >&2
    failed=1
  fi
done
exit "$failed"
