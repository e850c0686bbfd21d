"""The worker's program by its name in release 0.1, by which masters of both releases start it."""

import runpy

if __name__ == "__main__":
    runpy.run_module("actors.endpoint.command.worker", run_name="__main__", alter_sys=True)
