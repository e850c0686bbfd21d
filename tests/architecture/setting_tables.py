"""The tables of docs/configuration.md, made of that of the settings."""

from __future__ import annotations

from actors.endpoint.command.setting import Setting
from actors.endpoint.command.settings import SETTINGS, TABLES


def rows(table: str) -> str:
    """Return what one table of the file may hold, one row for each setting."""
    head = (
        f"| `[{table}]`: {TABLES[table]} | variable | default | when changed | meaning |\n"
        "| --- | --- | --- | --- | --- |\n"
    )
    return head + "".join(row(each) for each in SETTINGS if each.table == table)


def row(setting: Setting) -> str:
    when = {"worker": "reload", "boot": "restart"}[setting.scope]
    value = f" {setting.metavar}" if setting.metavar and not setting.positional else ""
    option = f"{setting.option}{value}".replace("|", "\\|")
    more = "; several times" if setting.many else ""
    cells = [f"`{option}`", f"`{setting.variable}`", setting.shown, when, setting.help + more]
    return f"| {' | '.join(cells)} |\n"
