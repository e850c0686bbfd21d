"""``python -m actors.endpoint``: patches the standard library, then runs the command."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402 - nothing may be imported before the patch

from actors.endpoint.command import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
