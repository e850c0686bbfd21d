#!/usr/bin/env bash
# Runs a command in a copy of the tree whose compiled hot path was built with AddressSanitizer and
# UndefinedBehaviorSanitizer: `run.sh .venv/bin/python -m pytest tests/actors/test_speedups.py`.
# The first word of the command is the interpreter to build for. Needs gcc and Python's headers.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=$(realpath -s "$1")
shift
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

"$python" -m venv "$place/cython"
"$place/cython/bin/python" -m pip install --quiet --disable-pip-version-check 'Cython>=3.1'
mkdir "$place/tree"
cp -r "$root"/{actors,transports,supervision,tests,examples,benchmarks,docs,pyproject.toml,setup.py} "$place/tree"
rm -f "$place"/tree/actors/_speedups*.so
"$place/cython/bin/cython" -3 "$place/tree/actors/_speedups.pyx" -o "$place/speedups.c"
suffix=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
# Not of the stack: greenlets copy theirs, and the marks of one are wrong for the next.
gcc -shared -fPIC -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined --param asan-stack=0 \
  -fno-sanitize-recover=undefined -I"$include" "$place/speedups.c" \
  -o "$place/tree/actors/_speedups$suffix"

cd "$place/tree"
# The interpreter frees little at its end: what is kept is counted by tests of their own.
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
  ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1 \
  PYTHONMALLOC=malloc PYTHONPATH="$place/tree" "$python" "$@"
