"""The HTTP side of control: routes out of the table of operations, a stream of events, and who may ask.

A browser that looks at somebody's page could reach this machine's loopback, too; so a request must name a local host
in ``Host``, and one that comes from a page must come from this server's own (``Origin``).
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cardfs.model.errors import LONGEST, hint, nearest
from keys.errors import SscardError

from ..formats.forms import write_events
from ..reader.errors import StackError
from ..rig.errors import RigError
from ..terminal import TerminalError
from ..trace.text import event_lines
from ..trace.visible import visible
from .controller import Controller
from .errors import ControlError
from .hub import Hub, numbered
from .operations import OPERATIONS, STREAMS, Operation, openapi

LONGEST_BODY: Final = 1 << 20
BODY: Final = 20.0
"""Seconds that a body may take to arrive."""

HEARTBEAT: Final = 10.0
"""Seconds after which a stream without events gets a comment, so that a lost client is noticed."""

UNREAD: Final = 30.0
"""Seconds after which a client is dropped that does not read its stream."""

LOCAL: Final = frozenset(("localhost", "127.0.0.1", "::1", ""))
LONGEST_SENTENCE: Final = 600
"""Characters of a refusal, of which the middle is left out if somebody has sent a longer name."""


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
                await _refused(why, HTTPStatus.FORBIDDEN)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, headers: dict[str, str]) -> str:
        host = headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            return f"Host {host!r} is not this machine: ask 127.0.0.1, or start with --listen for other machines"
        origin = headers.get("origin")
        if origin is not None and (not host or origin.lower() != f"http://{host}".lower()):
            return f"Origin {origin!r} is another page: only this server's own pages may control the rig"
        return ""


def _name(host: str) -> str | None:
    """Return a host without its port; None if it cannot be read."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return None


class _Number(Convertor[int]):
    """A number in a path; one with more digits names nothing."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("number", _Number())


def _is_number(part: str) -> bool:
    return re.fullmatch(_Number.regex, part) is not None


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
        Route(_route(each.path), partial(_operate, controller, each), methods=[each.method])
        for each in OPERATIONS.values()
    ]
    routes += [
        Route(STREAMS["trace"].path, partial(_trace, hub), methods=["GET"]),
        Route(STREAMS["events"].path, partial(_events, hub), methods=["GET"]),
        Route("/openapi.json", _openapi, methods=["GET"]),
        *(more or [Route("/", _index, methods=["GET"])]),
    ]
    handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        404: _no_such_path,
        405: _no_such_method,
        ControlError: _refuse,
        Exception: _defect,
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False  # a client that follows no redirect would get an empty answer
    return Guard(app, hosts)


def _route(path: str) -> str:
    return path.replace("}", ":number}")


# -- operations -------------------------------------------------------------------------------------------


async def _operate(controller: Controller, operation: Operation, request: Request) -> Response:
    try:
        _refuse_query(operation, request)
        fields = check_fields(operation, await _body(request))
        numbers = [request.path_params[name] for name in operation.numbers]
        return JSONResponse(await run_in_threadpool(getattr(controller, operation.act), *numbers, **fields))
    except ControlError as error:
        return _refused(str(error), error.status)
    except (RigError, TerminalError) as error:
        return _refused(str(error), HTTPStatus.CONFLICT)
    except StackError as error:
        return _refused(str(error), HTTPStatus.SERVICE_UNAVAILABLE)
    except SscardError as error:
        return _refused(str(error), HTTPStatus.BAD_REQUEST)


def _refuse_query(operation: Operation, request: Request) -> None:
    for name in request.query_params:
        known = [field.name for field in operation.body]
        if name in known or operation.open_body:
            raise ControlError(
                f"{name[:LONGEST]}: {operation.name} takes its fields as JSON in the body, not in the query"
            )
        raise ControlError(f"{operation.name} has no field {name[:LONGEST]!r}{hint(name, known)}")


async def _body(request: Request) -> Any:
    """Return the JSON body, bounded in size and in time; an empty table without one."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY):
            async for part in request.stream():
                body += part
                if len(body) > LONGEST_BODY:
                    raise ControlError(
                        f"the body is longer than {LONGEST_BODY} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                    )
    except TimeoutError:
        raise ControlError(f"the body has not come within {BODY:g} s", HTTPStatus.REQUEST_TIMEOUT) from None
    if not body.strip():
        return {}
    try:
        given = json.loads(bytes(body), parse_constant=_no_number, object_pairs_hook=_table)
        json.dumps(given, ensure_ascii=False).encode()  # half a character stands for none
    except (ValueError, RecursionError) as error:
        raise ControlError(f"the body is no JSON: {error}") from None
    return given


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:LONGEST]!r} is given twice")
    return table


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def check_fields(operation: Operation, given: Any) -> dict[str, Any]:
    """Return the fields of a body; raise `ControlError` for what the operation does not know, or lacks."""
    if not isinstance(given, dict):
        raise ControlError("the body must be a JSON object")
    known = {field.name: field for field in operation.body}
    kinds = {"string": str, "integer": int, "object": dict}
    for name, value in given.items():
        if name not in known:
            if operation.open_body:
                continue
            raise ControlError(f"{operation.name} has no field {name[:LONGEST]!r}{hint(name, known)}")
        kind = known[name].kind
        if not isinstance(value, kinds[kind]) or (kind == "integer" and isinstance(value, bool)):
            raise ControlError(f"{name}: a JSON {kind} was expected")
    for field in operation.body:
        if field.required and field.name not in given:
            raise ControlError(f"{operation.name} needs {field.name}: {field.text}")
    return given


# -- streams ----------------------------------------------------------------------------------------------


def _query(stream: str, request: Request) -> dict[str, str]:
    """Return the fields of the query; raise `ControlError` for one that there is not."""
    known = STREAMS[stream].query
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            raise ControlError(f"{STREAMS[stream].path} has no field {name[:LONGEST]!r}{hint(name, known)}")
        if times > 1:
            raise ControlError(f"{name} is given twice")
    return dict(request.query_params)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ControlError(f"{name}: the number of an event was expected")
    return int(text)


async def _trace(hub: Hub, request: Request) -> Response:
    query = _query("trace", request)
    after = _number("after", query.get("after", "0"))
    form = query.get("format", "jsonl")
    if form not in FORMS:
        raise ControlError(f"there is no format {form[:LONGEST]!r}{hint(form, FORMS)}")
    # In another thread: a long trace takes its time, and others ask meanwhile.
    return await run_in_threadpool(FORMS[form], hub, after)


def _as_lines(hub: Hub, after: int) -> Response:
    text = "".join(f"{event.json()}\n" for _, event in hub.after(after))
    return PlainTextResponse(text, media_type="application/jsonl")


def _as_text(hub: Hub, after: int) -> Response:
    lines = (visible(line) for _, event in hub.after(after) for line in event_lines(event))
    return PlainTextResponse("".join(f"{line}\n" for line in lines))


def _as_capture(hub: Hub, after: int) -> Response:
    pieces = write_events((event for _, event in hub.after(after)), "pcapng")
    return Response(b"".join(pieces), media_type="application/octet-stream")


def _as_list(hub: Hub, after: int) -> Response:
    return JSONResponse([numbered(*each) for each in hub.after(after)])


FORMS: Final[Mapping[str, Callable[[Hub, int], Response]]] = {
    "jsonl": _as_lines,
    "text": _as_text,
    "json": _as_list,
    "pcapng": _as_capture,
}
"""The forms of a trace."""


class _EventStream(StreamingResponse):
    """Server-sent events, as long as somebody reads them."""

    def __init__(self, hub: Hub, after: int | None) -> None:
        self._hub = hub
        self._follower = hub.follow(after)
        super().__init__(self._texts(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _texts(self) -> AsyncIterator[str]:
        yield ": following\n\n"
        while (text := await self._follower.next(HEARTBEAT)) is not None:
            yield text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, and forget the follower however it ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.leave(self._follower)

    async def stream_response(self, send: Send) -> None:
        """Send events; end if the client does not read."""

        async def bounded(message: Any) -> None:
            async with asyncio.timeout(UNREAD):
                await send(message)

        await super().stream_response(bounded)


async def _events(hub: Hub, request: Request) -> Response:
    query = _query("events", request)
    last = request.headers.get("last-event-id")
    if last is None:
        last = query.get("after")
    return _EventStream(hub, None if last is None else _number("after", last))


# -- about itself -----------------------------------------------------------------------------------------


async def _openapi(_request: Request) -> Response:
    try:
        number = version("sscard")
    except PackageNotFoundError:
        number = "0"
    return JSONResponse(openapi(number))


async def _index(_request: Request) -> Response:
    return JSONResponse({each.name: f"{each.method} {each.path}" for each in OPERATIONS.values()})


async def _no_such_path(request: Request, _error: Any) -> Response:
    path = str(request.scope["path"])
    short = path.rstrip("/")
    near = nearest(short, _paths(path)) if len(path) <= LONGEST else ""
    meant = f"; did you mean {near}?" if near else "; /openapi.json lists all"
    return _refused(f"there is no {path[:LONGEST]}{meant}", HTTPStatus.NOT_FOUND)


def _paths(asked: str) -> list[str]:
    """Return all paths, with the numbers of the one that was asked for."""
    numbers = iter([part for part in asked.split("/") if _is_number(part)])
    given = {"{reader}": next(numbers, "0")} | {name: next(numbers, "1") for name in ("{fault}",)}
    given["{snapshot}"] = given["{fault}"]
    templates = [*(each.path for each in OPERATIONS.values()), *(each.path for each in STREAMS.values())]
    found = {"/".join(given.get(part, part) for part in template.split("/")) for template in templates}
    return sorted({*found, "/openapi.json"})


async def _no_such_method(request: Request, _error: Any) -> Response:
    path = str(request.scope["path"])
    # The framework names the methods of one route; a path may have several.
    same = [each.method for each in OPERATIONS.values() if _fits(each.path, path)]
    allowed = ", ".join(same or ["GET"])
    response = _refused(f"{path} takes {allowed}, not {request.method}", HTTPStatus.METHOD_NOT_ALLOWED)
    response.headers["Allow"] = allowed
    return response


def _fits(template: str, path: str) -> bool:
    parts, given = template.split("/"), path.split("/")
    return len(parts) == len(given) and all(
        _is_number(there) if part.startswith("{") else part == there for part, there in zip(parts, given, strict=True)
    )


async def _refuse(_request: Request, error: ControlError) -> Response:
    return _refused(str(error), error.status)


async def _defect(_request: Request, error: Exception) -> Response:
    # Its text stays here: nobody knows what is in it.
    return _refused(f"a defect of this program ({type(error).__name__})", HTTPStatus.INTERNAL_SERVER_ERROR)


def _refused(why: str, status: int) -> Response:
    if len(why) > LONGEST_SENTENCE:
        why = f"{why[: LONGEST_SENTENCE // 2]} … {why[-LONGEST_SENTENCE // 2 :]}"
    shown = visible(why).encode(errors="backslashreplace").decode()
    return JSONResponse({"error": shown}, status)


__all__ = ["LOCAL", "build"]
