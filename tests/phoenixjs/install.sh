#!/usr/bin/env bash
# Installs what package-lock.json pins into $TEST_HOME/phoenixjs (default ~/.cache/roost-test), once
# for each state of that file. To pin anew, after a change of package.json, in this directory:
#   npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
home=${TEST_HOME:-$HOME/.cache/roost-test}/phoenixjs
lock=package-lock.json

[[ -e $home/.installed ]] && cmp --silent "$here/$lock" "$home/.installed" && exit 0
mkdir -p "$home"
cp "$here/package.json" "$here/$lock" "$home/"
# Scripts would compile parts that are quicker and not needed.
npm ci --prefix "$home" --ignore-scripts --no-audit --no-fund --silent ||
  { echo "install.sh: npm cannot install tests/phoenixjs/$lock" >&2 && exit 1; }
cp "$here/$lock" "$home/.installed"
