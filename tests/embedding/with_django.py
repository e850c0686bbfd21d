"""Django beside sockets; the pages are those of ``with_flask``."""

from __future__ import annotations

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path

from tests.embedding.pages import LARGE, beside, endless, gated, told

settings.configure(
    SECRET_KEY="of a test" * 4,
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # content-length
)
django.setup()


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<title>pages</title>")


def upload(request: HttpRequest) -> HttpResponse:
    return JsonResponse(told(request))


def form(request: HttpRequest) -> HttpResponse:
    return JsonResponse({**told(request.FILES["file"]), "name": request.POST["name"]})


def stream(request: HttpRequest, name: str) -> HttpResponse:
    return StreamingHttpResponse(gated(name), content_type="text/plain")


def without_end(request: HttpRequest, name: str) -> HttpResponse:
    return StreamingHttpResponse(endless(name), content_type="text/plain")


def file(request: HttpRequest) -> HttpResponse:
    return FileResponse(LARGE.open("rb"), content_type="application/octet-stream")


def moved(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/")


def cookies(request: HttpRequest) -> HttpResponse:
    given = request.COOKIES
    response = HttpResponse(";".join(f"{name}={given[name]}" for name in given))
    response.set_cookie("one", "1")
    response.set_cookie("two", "2", httponly=True)
    return response


def crash(request: HttpRequest) -> HttpResponse:
    raise LookupError("of a view")


urlpatterns = [
    path("", index),
    path("upload", upload),
    path("form", form),
    path("gated/<name>", stream),
    path("endless/<name>", without_end),
    path("file", file),
    path("moved", moved),
    path("cookies", cookies),
    path("crash", crash),
]

endpoint = beside(WSGIHandler())
application = endpoint.wsgi()
