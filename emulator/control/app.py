"""The HTTP side of control: routes out of the table of operations, a stream of events, and who may ask.

A browser that looks at somebody's page could reach this machine's loopback, too; so a request must name a local host
in ``Host``, and one that comes from a page must come from this server's own (``Origin``).
"""

import difflib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from keys.errors import SscardError

from ..rig.errors import RigError
from ..trace.text import event_lines
from ..trace.visible import visible
from .controller import Controller
from .errors import ControlError
from .hub import Follower, Hub, numbered
from .operations import OPERATIONS, Operation, openapi

LONGEST_BODY: Final = 1 << 20
HEARTBEAT: Final = 10.0
"""Seconds after which a stream without events gets a comment, so that a lost client is noticed."""

LOCAL: Final = frozenset(("localhost", "127.0.0.1", "::1", ""))


class Guard:
    """Refuses requests of foreign hosts and pages, before anything looks at them.

    Args:
        app: what comes behind it.
        hosts: names, without ports, under which this server may be asked; None for any.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or pass the request on."""
        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            why = self._refusal(headers)
            if why:
                await JSONResponse({"error": why}, HTTPStatus.FORBIDDEN)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, headers: dict[str, str]) -> str:
        host = headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            return f"Host {host!r} is not this machine: ask 127.0.0.1, or start with --listen for other machines"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return f"Origin {origin!r} is another page: only this server's own pages may control the rig"
        return ""


def _name(host: str) -> str:
    return (urlsplit(f"//{host}").hostname or "").lower()


def build(
    controller: Controller, hub: Hub, *, hosts: frozenset[str] | None = LOCAL, more: list[BaseRoute] | None = None
) -> ASGIApp:
    """Return the application.

    Args:
        controller: carries the requests out.
        hub: the events.
        hosts: names under which the server may be asked; None for any.
        more: further routes, those of the panel.
    """
    routes: list[BaseRoute] = [
        Route(_path(each), partial(_operate, controller, each), methods=[each.method]) for each in OPERATIONS.values()
    ]
    routes += [
        Route("/trace", partial(_trace, hub), methods=["GET"]),
        Route("/events", partial(_events, hub), methods=["GET"]),
        Route("/openapi.json", _openapi, methods=["GET"]),
        *(more or [Route("/", _index, methods=["GET"])]),
    ]
    handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        404: _no_such_path,
        405: _no_such_method,
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers), hosts)


def _path(operation: Operation) -> str:
    return operation.path.replace("}", ":int}")


async def _operate(controller: Controller, operation: Operation, request: Request) -> Response:
    try:
        fields = await _fields(operation, request)
        numbers = [request.path_params[name] for name in operation.numbers]
        return JSONResponse(await run_in_threadpool(operation.act, controller, *numbers, **fields))
    except ControlError as error:
        return _refused(error, error.status)
    except RigError as error:
        return _refused(error, HTTPStatus.CONFLICT)
    except SscardError as error:
        return _refused(error, HTTPStatus.BAD_REQUEST)


async def _fields(operation: Operation, request: Request) -> dict[str, Any]:
    """Read the JSON body, bounded, and refuse what the operation does not know."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            raise ControlError(f"the body is longer than {LONGEST_BODY} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        given = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ControlError(f"the body is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise ControlError("the body must be a JSON object")
    known = {field.name: field for field in operation.body}
    kinds = {"string": str, "integer": int, "object": dict}
    for name, value in given.items():
        if name not in known:
            if operation.open_body:
                continue
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known) or 'none'}"
            raise ControlError(f"{operation.name} has no field {name!r}{hint}")
        if not isinstance(value, kinds[known[name].kind]):
            raise ControlError(f"{name}: a JSON {known[name].kind} was expected")
    for field in operation.body:
        if field.required and field.name not in given:
            raise ControlError(f"{operation.name} needs {field.name}: {field.text}")
    return given


async def _trace(hub: Hub, request: Request) -> Response:
    form = request.query_params.get("format", "jsonl")
    try:
        after = int(request.query_params.get("after", "0"))
    except ValueError:
        return _refused(ControlError("after: a number was expected"), HTTPStatus.BAD_REQUEST)
    events = hub.after(after)
    if form == "json":
        return JSONResponse([numbered(*each) for each in events])
    if form == "jsonl":
        return PlainTextResponse("".join(f"{event.json()}\n" for _, event in events), media_type="application/jsonl")
    if form == "text":
        lines = (visible(line) for _, event in events for line in event_lines(event))
        return PlainTextResponse("".join(f"{line}\n" for line in lines))
    return _refused(ControlError(f"format: {form!r} is none of jsonl, text, json"), HTTPStatus.BAD_REQUEST)


async def _events(hub: Hub, request: Request) -> Response:
    import asyncio  # noqa: PLC0415

    last = request.headers.get("last-event-id") or request.query_params.get("after")
    follower = Follower(asyncio.get_running_loop())

    async def stream() -> AsyncIterator[str]:
        hub.follow(follower, int(last) if last and last.isdecimal() else None)
        try:
            yield ": following\n\n"
            while (text := await follower.next(HEARTBEAT)) is not None:
                yield text
        finally:
            hub.leave(follower)

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _openapi(_request: Request) -> Response:
    try:
        number = version("sscard")
    except PackageNotFoundError:
        number = "0"
    return JSONResponse(openapi(number))


async def _index(_request: Request) -> Response:
    return JSONResponse({each.name: f"{each.method} {each.path}" for each in OPERATIONS.values()})


async def _no_such_path(request: Request, _error: Any) -> Response:
    paths = sorted({each.path for each in OPERATIONS.values()} | {"/trace", "/events", "/openapi.json"})
    near = difflib.get_close_matches(request.url.path, paths, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; /openapi.json lists all"
    return _refused(ControlError(f"there is no {request.url.path}{hint}"), HTTPStatus.NOT_FOUND)


async def _no_such_method(request: Request, error: Any) -> Response:
    allowed = (getattr(error, "headers", None) or {}).get("Allow", "")
    return _refused(
        ControlError(f"{request.url.path} takes {allowed}, not {request.method}"), HTTPStatus.METHOD_NOT_ALLOWED
    )


def _refused(error: Exception, status: int) -> Response:
    return JSONResponse({"error": visible(str(error))}, status)


__all__ = ["LOCAL", "build"]
