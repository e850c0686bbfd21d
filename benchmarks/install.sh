#!/usr/bin/env bash
# Builds wsload and installs peers into $BENCH_HOME (default ~/.cache/roost-bench), each once:
#   install.sh                     wsload climit picows node, which is what `make bench` uses
#   install.sh NAME...             those
#   install.sh all                 everything that ./start knows
# What cannot be had is named, and the exit status is not 0.
set -Eeuo pipefail

here=$(cd "$(dirname "$0")" && pwd)
home=${BENCH_HOME:-$HOME/.cache/roost-bench}
mkdir -p "$home"

packages() { printf '%s\n' "$@" | "$here/../.ci/system-packages.sh"; }

compile() { # NAME: NAME.c, again when it is newer
  [[ $home/$1 -nt $here/$1.c ]] && return
  packages "gcc command -v gcc" "libc6-dev test -e /usr/include/stdio.h"
  gcc -O2 -Wall -Wextra -o "$home/$1" "$here/$1.c"
}

# A part is done when its stamp holds what was asked for: one that broke off is taken up again.
done_with() { [[ -e $1/.installed && $(<"$1/.installed") == "$2" ]]; }

venv() { # NAME REQUIREMENT...
  local dir=$home/venv-$1
  shift
  done_with "$dir" "$*" && return
  packages "python3-venv python3 -c 'import ensurepip'"
  [[ -x $dir/bin/python ]] || python3 -m venv "$dir"
  "$dir/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
  echo "$*" >"$dir/.installed"
}

node() {
  local dir=$home/node
  local modules=(ws@8.23.0 bufferutil@4.1.0 @trufflesuite/uws-js-unofficial@20.30.0-unofficial.0)
  done_with "$dir" "${modules[*]}" && return
  packages "nodejs command -v node" "npm command -v npm"
  mkdir -p "$dir"
  npm install --silent --prefix "$dir" "${modules[@]}"
  echo "${modules[*]}" >"$dir/.installed"
}

phoenix() { # as clients load it: the two minor versions that are in use
  local dir=$home/phoenix
  local modules=(phoenix-1.7.19@npm:phoenix@1.7.19 phoenix-1.8.16@npm:phoenix@1.8.16 xhr2@0.2.1)
  done_with "$dir" "${modules[*]}" && return
  packages "nodejs command -v node" "npm command -v npm"
  mkdir -p "$dir"
  npm install --silent --prefix "$dir" "${modules[@]}"
  echo "${modules[*]}" >"$dir/.installed"
}

install() {
  case $1 in
    wsload | climit) compile "$1" ;;
    node) node ;;
    phoenix) phoenix ;;
    picows) venv picows picows==2.3.1 uvloop==0.23.0 ;;
    websockets) venv websockets websockets==17.4 uvloop==0.23.0 ;;
    aiohttp) venv aiohttp aiohttp==3.14.5 uvloop==0.23.0 ;;
    asgi)
      venv asgi uvicorn==0.54.0 websockets==17.4 wsproto==1.3.2 httptools==0.9.0 \
        uvloop==0.23.0 granian==2.8.7
      ;;
    gevent) venv gevent gevent==26.9.0 gevent-websocket==0.10.1 ;;
    geventaccel) venv geventaccel gevent==26.9.0 gevent-websocket==0.10.1 wsaccel==0.6.7 ;;
    socketio)
      venv socketio gevent==26.9.0 gevent-websocket==0.10.1 python-socketio==5.18.1
      ;;
    channels) venv channels channels==4.3.2 daphne==4.2.3 Django==5.2.19 ;;
    tornado) venv tornado tornado==6.6.1 ;;
    wsgevent) venv wsgevent gevent==26.9.0 websockets==17.4 ;;
    *)
      echo "install.sh: no such part: $1" >&2
      return 2
      ;;
  esac
}

(($#)) || set -- wsload climit picows node
if [[ $* == all ]]; then
  set -- wsload climit node picows websockets aiohttp asgi gevent geventaccel socketio channels \
    tornado wsgevent
fi
trap 'echo "install.sh: cannot install $part" >&2' ERR
for part in "$@"; do
  install "$part"
done
