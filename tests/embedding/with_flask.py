"""Flask beside sockets; the pages are those of ``with_django``."""

from __future__ import annotations

from flask import Flask, Response, jsonify, make_response, redirect, request, send_file

from tests.embedding.pages import LARGE, beside, endless, gated, told

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "<title>pages</title>"


@app.post("/upload")
def upload() -> Response:
    return jsonify(told(request.stream))


@app.post("/form")
def form() -> Response:
    return jsonify({**told(request.files["file"].stream), "name": request.form["name"]})


@app.get("/gated/<name>")
def stream(name: str) -> Response:
    return Response(gated(name), mimetype="text/plain")


@app.get("/endless/<name>")
def without_end(name: str) -> Response:
    return Response(endless(name), mimetype="text/plain")


@app.get("/file")
def file() -> Response:
    return send_file(LARGE, mimetype="application/octet-stream")


@app.get("/moved")
def moved() -> Response:
    return redirect("/")


@app.get("/cookies")
def cookies() -> Response:
    response = make_response(
        ";".join(f"{name}={request.cookies[name]}" for name in request.cookies)
    )
    response.set_cookie("one", "1")
    response.set_cookie("two", "2", httponly=True)
    return response


@app.get("/crash")
def crash() -> Response:
    raise LookupError("of a view")


endpoint = beside(app)
application = endpoint.wsgi()
