"""The live panel: pages for browsers that use nothing but the control's own requests."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
PAGES = {"/": "index.html"} | {
    f"/{name}": name for name in ("panel.css", "panel.js", "list.js", "stream.js", "texts.js", "icon.svg")
}
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"
"""Nothing from elsewhere, and no script within a page: text from a card stays text."""


def routes() -> list[BaseRoute]:
    """Return the routes of the panel."""
    return [Route(path, _page, methods=["GET"]) for path in PAGES]


async def _page(request: Request) -> Response:
    name = PAGES[request.url.path]
    content = files(__package__).joinpath(name).read_bytes()
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return Response(content, headers=headers, media_type=TYPES[name.rpartition(".")[2]])
