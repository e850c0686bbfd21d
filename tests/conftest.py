"""What all tests may use: our own test kit, as an application's tests do."""

from __future__ import annotations

pytest_plugins = ["actors.testing"]
