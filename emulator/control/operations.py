"""The table of what control can be asked for: the routes, the OpenAPI document, `sscard ctl` and the pages."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .controller import Controller

Kind = str
"""``string``, ``integer`` or ``object``, as JSON schema names them."""


class Field(NamedTuple):
    """A value that a request carries.

    Attributes:
        kind: its JSON type.
        text: what it is.
        required: whether it must be there.
    """

    name: str
    kind: Kind
    text: str
    required: bool = False


class Operation(NamedTuple):
    """One thing that can be asked for.

    Attributes:
        name: its name, also the word of `sscard ctl`.
        method, path: where it is; ``{reader}`` and other numbers in braces.
        text, zh: what it does.
        act: does it: takes the controller, the numbers of the path in order and the fields of the body by name.
        body: fields of the JSON body.
        open_body: name of what further fields are, if any may come.
    """

    name: str
    method: str
    path: str
    text: str
    zh: str
    act: Callable[..., Any]
    body: tuple[Field, ...] = ()
    open_body: str = ""

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of the numbers in its path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


IMAGE: Final = Field(
    "image", "string", "an image file, `demo` for a new card, `psam` for a new PSAM; `demo` if left out"
)
ISSUE: Final = (
    Field("profile", "string", "card type of a new card"),
    Field("pin", "string", "its PIN"),
    Field("region", "string", "its application city code, six digits"),
    Field("financial", "string", "`edep`, `debit_credit` or `both`"),
    Field("settings", "object", "laid over the profile's settings"),
    Field("values", "object", "single data elements, laid over the holder's"),
)
NAME: Final = Field("name", "string", "a kind of fault", required=True)

OPERATIONS: Final[Mapping[str, Operation]] = {
    each.name: each
    for each in (
        Operation("readers", "GET", "/readers", "Show all readers", "显示所有读卡器", Controller.readers),
        Operation("reader", "GET", "/readers/{reader}", "Show a reader", "显示一个读卡器", Controller.reader),
        Operation(
            "insert",
            "POST",
            "/readers/{reader}/insert",
            "Put a card into an empty reader",
            "将卡插入空读卡器",
            Controller.insert,
            (IMAGE, *ISSUE),
        ),
        Operation("remove", "POST", "/readers/{reader}/remove", "Pull the card out", "拔出卡", Controller.remove),
        Operation(
            "swap",
            "POST",
            "/readers/{reader}/swap",
            "Pull the card out and put another one in",
            "拔出卡并插入另一张卡",
            Controller.swap,
            (IMAGE, *ISSUE),
        ),
        Operation(
            "reset-card", "POST", "/readers/{reader}/reset", "Reset the card warm", "热复位", Controller.reset_card
        ),
        Operation(
            "transmit",
            "POST",
            "/readers/{reader}/transmit",
            "Send one command APDU, as a client does",
            "像客户端一样发送一条命令 APDU",
            Controller.transmit,
            (Field("apdu", "string", "the command in hexadecimal", required=True),),
        ),
        Operation(
            "card",
            "GET",
            "/readers/{reader}/card",
            "Show files, keys and session of the card; no key values",
            "显示卡的文件、密钥状态和会话，不含密钥值",
            Controller.card,
        ),
        Operation(
            "timing",
            "PUT",
            "/readers/{reader}/timing",
            "Let the card answer as slowly as a real one",
            "使卡以真实卡的速度应答",
            Controller.timing,
            (Field("timing", "string", "`none`, `contact-9600` or another of `/timings`", required=True),),
        ),
        Operation(
            "faults",
            "GET",
            "/readers/{reader}/faults",
            "Show the faults of a card",
            "显示卡上的故障",
            Controller.faults,
        ),
        Operation(
            "arm",
            "POST",
            "/readers/{reader}/faults",
            "Arm a fault",
            "设置故障",
            Controller.arm,
            (NAME,),
            "selector and parameters of the fault",
        ),
        Operation(
            "disarm",
            "DELETE",
            "/readers/{reader}/faults/{fault}",
            "Take a fault away",
            "撤销故障",
            Controller.disarm,
        ),
        Operation(
            "disarm-all",
            "DELETE",
            "/readers/{reader}/faults",
            "Take all faults of a card away",
            "撤销卡上的全部故障",
            Controller.disarm_all,
        ),
        Operation(
            "snapshots",
            "GET",
            "/readers/{reader}/snapshots",
            "Show the snapshots that were taken of a card",
            "显示卡的快照",
            Controller.snapshots,
        ),
        Operation(
            "snapshot",
            "POST",
            "/readers/{reader}/snapshots",
            "Keep the card's memory as it is now",
            "保存卡当前的存储内容",
            Controller.snapshot,
        ),
        Operation(
            "restore",
            "POST",
            "/readers/{reader}/snapshots/{snapshot}/restore",
            "Put the card's memory back",
            "恢复卡的存储内容",
            Controller.restore,
        ),
        Operation(
            "reset",
            "POST",
            "/reset",
            "Disarm all faults and put every reader and card back as at the start",
            "撤销全部故障，读卡器和卡恢复到启动时的状态",
            Controller.reset,
        ),
        Operation("kinds", "GET", "/faults", "Show the kinds of faults", "显示故障种类", Controller.kinds),
        Operation(
            "timings", "GET", "/timings", "Show how slowly cards can answer", "显示可用的时序", Controller.timings
        ),
        Operation(
            "profiles",
            "GET",
            "/profiles",
            "Show the types that a new card can have",
            "显示新卡可选的卡类型",
            Controller.profiles,
        ),
        Operation(
            "images",
            "GET",
            "/images",
            "Show the image files in the rig's folder",
            "显示工作目录中的映像文件",
            Controller.images,
        ),
        Operation(
            "commands", "GET", "/commands", "Show the names of all commands", "显示全部命令的名称", Controller.commands
        ),
        Operation(
            "status-words",
            "GET",
            "/status-words",
            "Show what the status words mean",
            "显示状态字的含义",
            Controller.status_words,
        ),
    )
}
"""Every operation by its name; the trace and the events are streams and stand in `emulator.control.app`."""


def openapi(version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all operations."""
    paths: dict[str, Any] = {}
    for each in OPERATIONS.values():
        described: dict[str, Any] = {
            "operationId": each.name,
            "summary": each.text,
            "parameters": [
                {"name": number, "in": "path", "required": True, "schema": {"type": "integer"}}
                for number in each.numbers
            ],
            "responses": {
                "200": {"description": "done", "content": {"application/json": {}}},
                "4XX": {
                    "description": "refused: one sentence",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                },
            },
        }
        if each.body:
            schema = {
                "type": "object",
                "properties": {field.name: {"type": field.kind, "description": field.text} for field in each.body},
                "required": [field.name for field in each.body if field.required],
                "additionalProperties": bool(each.open_body),
            }
            described["requestBody"] = {
                "required": any(field.required for field in each.body),
                "content": {"application/json": {"schema": schema}},
            }
        paths.setdefault(each.path, {})[each.method.lower()] = described
    paths["/trace"] = {
        "get": {
            "operationId": "trace",
            "summary": "Return what passed: `format` is `jsonl`, `text` or `json`; `after` leaves out the first events",
            "parameters": [
                {"name": "format", "in": "query", "schema": {"enum": ["jsonl", "text", "json"]}},
                {"name": "after", "in": "query", "schema": {"type": "integer"}},
            ],
            "responses": {"200": {"description": "the events so far"}},
        }
    }
    paths["/events"] = {
        "get": {
            "operationId": "events",
            "summary": "Follow what happens: server-sent events",
            "responses": {"200": {"description": "a stream", "content": {"text/event-stream": {}}}},
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "sscard rig", "version": version},
        "paths": paths,
        "components": {
            "schemas": {"Error": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}}
        },
    }
