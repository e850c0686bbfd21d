"""What can be set from outside, as one table: everything that names a setting is made from it.

A row has one name, ``log_level`` say, everywhere: the option ``--log-level``, the variable
``ROOST_LOG_LEVEL``, the key ``log_level`` of the file's table ``[logs]``, the line of
``--print-config``, the row in docs/configuration.md, and ``given.log_level`` in the code. To add an
option is to add a row, and to run ``make docs``.

What a row is, and what its values may be, is in :mod:`.setting`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from actors.endpoint.command.setting import (
    FLAG,
    MODE,
    NUMBER,
    WHOLE,
    Setting,
    address,
    boolean,
    min_ready,
    mode,
    network,
    octal,
    one_of,
    place,
    redis_url,
    seconds,
    seconds_or_none,
    tcp_address,
    without_password,
    worker_count,
)

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("console", "json")
FORWARDED: Final = ("x-forwarded", "proxy-protocol")

TABLES: Final[Mapping[str, str]] = {
    "serve": "what is served, where, and by how many processes",
    "ops": "the port for health, metrics and operators",
    "logs": "what is logged, and where",
}
"""The tables of the file that settings are in, and what they are about."""


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        name="application",
        table="serve",
        metavar="module:endpoint",
        scope="worker",
        positional=True,
        help="where the Endpoint is",
        shown="a demo",
    ),
    Setting(
        name="bind",
        table="serve",
        metavar="HOST:PORT|unix:PATH",
        parse=address,
        plain=place,
        many=True,
        help="listen there: [::1]:4000 for IPv6, port 0 for any free one, a path for a Unix socket",
        shown="127.0.0.1:4000",
    ),
    Setting(
        name="bind_mode",
        table="serve",
        metavar="MODE",
        parse=mode,
        plain=octal,
        kind=MODE,
        help="the mode of Unix sockets: who may connect",
        shown="0600; with a group 0660",
    ),
    Setting(
        name="bind_group",
        table="serve",
        metavar="GROUP",
        help="the group of Unix sockets, by name or number",
        shown="our own",
    ),
    Setting(
        name="publish",
        table="serve",
        metavar="PATH",
        help="let programs of this machine publish on a Unix socket",
        shown="none",
    ),
    Setting(
        name="publish_mode",
        table="serve",
        metavar="MODE",
        parse=mode,
        plain=octal,
        kind=MODE,
        help="the mode of its file: who may publish",
        shown="0600; with a group 0660",
    ),
    Setting(
        name="publish_group",
        table="serve",
        metavar="GROUP",
        help="the group of its file, by name or number",
        shown="our own",
    ),
    Setting(
        name="trusted_proxy",
        table="serve",
        metavar="CIDR",
        parse=network,
        many=True,
        scope="worker",
        endpoint="trusted_proxies",
        help="a proxy in front whose word about its clients counts, or 'unix' for all peers of Unix"
        " sockets",
        shown="the endpoint's",
    ),
    Setting(
        name="forwarded",
        table="serve",
        metavar="MODE",
        parse=one_of("no such mode", FORWARDED),
        scope="worker",
        endpoint="forwarded",
        help=f"how trusted proxies say who their clients are: {' or '.join(FORWARDED)}",
        shown="the endpoint's",
    ),
    Setting(
        name="certfile",
        table="serve",
        metavar="PEM",
        scope="worker",
        help="serve TLS with this certificate chain",
        shown="none",
    ),
    Setting(
        name="keyfile",
        table="serve",
        metavar="PEM",
        scope="worker",
        help="its private key, without a passphrase",
        shown="the certificate's file",
    ),
    Setting(
        name="workers",
        table="serve",
        metavar="N",
        parse=worker_count,
        scope="worker",
        kind=WHOLE,
        default=os.cpu_count() or 1,
        help="worker processes; 0 is one process without a master",
        shown="one per core",
    ),
    Setting(
        name="grace",
        table="serve",
        metavar="SECONDS",
        parse=seconds,
        kind=NUMBER,
        scope="worker",
        endpoint="grace",
        help="the budget of a shutdown",
        shown="the endpoint's, 25",
    ),
    Setting(
        name="heartbeat_timeout",
        table="serve",
        metavar="SECONDS",
        parse=seconds,
        kind=NUMBER,
        default=30.0,
        help="end a worker whose hub gave no sign of life for so long",
        shown="30",
    ),
    Setting(
        name="boot_patience",
        table="serve",
        metavar="SECONDS",
        parse=seconds,
        kind=NUMBER,
        default=60.0,
        help="go on for so long when no worker that has served can be replaced",
        shown="60",
    ),
    Setting(
        name="redis",
        table="serve",
        metavar="URL",
        parse=redis_url,
        mask=without_password,
        scope="worker",
        endpoint="redis",
        help="the Redis that links several machines; as an option, its password is seen in the list"
        " of processes",
        shown="the endpoint's",
    ),
    Setting(
        name="pid_file",
        table="serve",
        metavar="PATH",
        help="write the process id there when clients are served",
        shown="none",
    ),
    Setting(
        name="ops",
        table="ops",
        metavar="HOST:PORT",
        parse=tcp_address,
        plain=place,
        help="answer health and metrics there, of loopback alone",
        shown="nowhere",
    ),
    Setting(
        name="ops_allow_remote",
        table="ops",
        parse=boolean,
        kind=FLAG,
        default=False,
        help="let --ops be an address that is not loopback",
        shown="no",
    ),
    Setting(
        name="ops_host",
        table="ops",
        metavar="NAME",
        many=True,
        scope="worker",
        help="a name in the URL by which views and deeds may be asked for, beside IP addresses,"
        " localhost and the host of --ops",
        shown="none",
    ),
    Setting(
        name="ops_token_file",
        table="ops",
        metavar="PATH",
        scope="worker",
        help="the token for views and deeds, in a file of mode 0600",
        shown="the environment's ROOST_OPS_TOKEN",
    ),
    Setting(
        name="ops_deeds",
        table="ops",
        parse=boolean,
        kind=FLAG,
        default=False,
        scope="worker",
        help="let who has the token reload and drain by the ops port",
        shown="no",
    ),
    Setting(
        name="min_ready",
        table="ops",
        metavar="N",
        parse=min_ready,
        kind=WHOLE,
        default=1,
        scope="worker",
        help="workers that must be ready for /readyz",
        shown="1",
    ),
    Setting(
        name="lame_duck",
        table="serve",
        metavar="SECONDS",
        parse=seconds_or_none,
        kind=NUMBER,
        default=0.0,
        help="after SIGTERM say 'not ready' and serve on for so long, then drain",
        shown="0",
    ),
    Setting(
        name="log_level",
        table="logs",
        metavar="LEVEL",
        parse=one_of("not a level", LEVELS),
        default="info",
        scope="worker",
        help=f"{', '.join(LEVELS)}; debug shows stacks",
        shown="info",
    ),
    Setting(
        name="log_format",
        table="logs",
        metavar="FORMAT",
        parse=one_of("no such format", FORMATS),
        default="console",
        scope="worker",
        help=f"{' or '.join(FORMATS)}: lines for a person, or an object of JSON on each",
        shown="console",
    ),
    Setting(
        name="access_log",
        table="logs",
        parse=boolean,
        kind=FLAG,
        default=False,
        scope="worker",
        help="a line for each request, and for each connection at its end",
        shown="no",
    ),
    Setting(
        name="log_file",
        table="logs",
        metavar="PATH",
        help="log there; SIGUSR1 opens it anew after it was moved",
        shown="standard error",
    ),
)

BY_NAME: Final[Mapping[str, Setting]] = {each.name: each for each in SETTINGS}
