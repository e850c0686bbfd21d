"""A page of Django that tells a room of examples/chat.py something. They are two servers::

python -m actors.endpoint examples.chat:endpoint --publish /run/chat/publish.sock
PUBLISH_TO=unix:/run/chat/publish.sock gunicorn --workers 2 examples.publish_from_django
curl http://127.0.0.1:8000/announce -d body=hello
"""

import logging
import os

from django.conf import settings  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.http import (  # type: ignore[import-untyped]
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
)
from django.urls import path  # type: ignore[import-untyped]

from actors.publish import Publisher, PublishError

logger = logging.getLogger(__name__)

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="good for trying this example, and for nothing else",  # noqa: S106
)

# One for all threads; it may be made before gunicorn forks. A page should not wait for long.
publisher = Publisher(
    os.environ["PUBLISH_TO"], key=os.environ.get("ROOST_PUBLISH_KEY"), timeout=1.0
)


def announce(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    message = {"from": "the shop", "body": request.POST.get("body", "")}
    try:
        receipt = publisher.broadcast("room:lobby", "new_msg", message)
    except (PublishError, ValueError) as error:  # what the page is for has been done all the same
        logger.warning("nobody was told: %s", error)
        return HttpResponse("done, and nobody was told")
    return HttpResponse(f"done, and told to {receipt.workers} workers")


urlpatterns = [path("announce", announce)]

application = get_wsgi_application()
