"""The table of what control can be asked for: the routes, the OpenAPI document, `sscard ctl` and the pages.

It knows no rig, so that `sscard ctl` starts quickly.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

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
        answer: what it answers: a name in `SCHEMAS`, in square brackets for a list of them.
        body: fields of the JSON body.
        open_body: name of what further fields are, if any may come.
    """

    name: str
    method: str
    path: str
    text: str
    zh: str
    answer: str
    body: tuple[Field, ...] = ()
    open_body: str = ""

    @property
    def act(self) -> str:
        """The method of `Controller` that does it: takes the numbers of the path in order, the fields by name."""
        return self.name.replace("-", "_")

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of the numbers in its path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


class Stream(NamedTuple):
    """What is read as a text or a stream, with fields in the query.

    Attributes:
        kinds: its media types.
        query: each field of the query, with its JSON schema.
    """

    name: str
    path: str
    text: str
    zh: str
    kinds: tuple[str, ...]
    query: Mapping[str, dict[str, Any]]


IMAGE: Final = Field(
    "image",
    "string",
    "an image file, `demo` for a new card, `psam` for a new PSAM, `catalogue:ID` for a test card, "
    "`from:READER` for a physical card; "
    "left out, the card that was here last, or a new one",
)
ISSUE: Final = (
    Field("profile", "string", "card type of a new card; what a physical one is taken for"),
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
        Operation("readers", "GET", "/readers", "Show all readers", "显示所有读写器", "[Reader]"),
        Operation("reader", "GET", "/readers/{reader}", "Show a reader", "显示一个读写器", "Reader"),
        Operation(
            "insert",
            "POST",
            "/readers/{reader}/insert",
            "Put a card into an empty reader",
            "将卡插入空读写器",
            "Reader",
            (IMAGE, *ISSUE),
        ),
        Operation("remove", "POST", "/readers/{reader}/remove", "Pull the card out", "拔出卡", "Reader"),
        Operation(
            "swap",
            "POST",
            "/readers/{reader}/swap",
            "Pull the card out and put another one in",
            "拔出卡并插入另一张卡",
            "Reader",
            (IMAGE._replace(text=IMAGE.text.partition("; ")[0] + "; left out, a new card"), *ISSUE),
        ),
        Operation("reset-card", "POST", "/readers/{reader}/reset", "Reset the card warm", "热复位", "Reader"),
        Operation(
            "transmit",
            "POST",
            "/readers/{reader}/transmit",
            "Send one command APDU, as a client does",
            "像客户端一样发送一条命令 APDU",
            "Response",
            (Field("apdu", "string", "the command in hexadecimal", required=True),),
        ),
        Operation(
            "card",
            "GET",
            "/readers/{reader}/card",
            "Show files, keys and session of the card; no key values",
            "显示卡的文件、密钥状态和会话，不含密钥值",
            "Card",
        ),
        Operation(
            "timing",
            "PUT",
            "/readers/{reader}/timing",
            "Let the card answer as slowly as a real one",
            "使卡以真实卡的速度应答",
            "Reader",
            (Field("timing", "string", "`none`, `contact-9600` or another of `/timings`", required=True),),
        ),
        Operation(
            "faults",
            "GET",
            "/readers/{reader}/faults",
            "Show the faults of a card",
            "显示卡上的故障",
            "[Fault]",
        ),
        Operation(
            "arm",
            "POST",
            "/readers/{reader}/faults",
            "Arm a fault",
            "设置故障",
            "Fault",
            (NAME,),
            "selector and parameters of the fault",
        ),
        Operation(
            "disarm",
            "DELETE",
            "/readers/{reader}/faults/{fault}",
            "Take a fault away",
            "撤销故障",
            "[Fault]",
        ),
        Operation(
            "disarm-all",
            "DELETE",
            "/readers/{reader}/faults",
            "Take all faults of a card away",
            "撤销卡上的全部故障",
            "[Fault]",
        ),
        Operation(
            "snapshots",
            "GET",
            "/readers/{reader}/snapshots",
            "Show the snapshots that were taken of a card",
            "显示卡的快照",
            "[integer]",
        ),
        Operation(
            "snapshot",
            "POST",
            "/readers/{reader}/snapshots",
            "Keep the card's memory as it is now",
            "保存卡当前的存储内容",
            "Snapshot",
        ),
        Operation(
            "restore",
            "POST",
            "/readers/{reader}/snapshots/{snapshot}/restore",
            "Put the card's memory back",
            "恢复卡的存储内容",
            "Reader",
        ),
        Operation(
            "reset",
            "POST",
            "/reset",
            "Disarm all faults and put every reader and card back as at the start",
            "撤销全部故障，读写器和卡恢复到启动时的状态",
            "[Reader]",
        ),
        Operation("kinds", "GET", "/faults", "Show the kinds of faults", "显示故障种类", "[Kind]"),
        Operation("timings", "GET", "/timings", "Show how slowly cards can answer", "显示可用的时序", "[Timing]"),
        Operation(
            "profiles",
            "GET",
            "/profiles",
            "Show the types that a new card can have",
            "显示新卡可选的卡型",
            "[Profile]",
        ),
        Operation(
            "images",
            "GET",
            "/images",
            "Show the image files in the rig's folder",
            "显示工作目录中的卡文件",
            "[string]",
        ),
        Operation(
            "commands", "GET", "/commands", "Show the names of all commands", "显示全部命令的名称", "[CommandName]"
        ),
        Operation(
            "status-words",
            "GET",
            "/status-words",
            "Show what the status words mean",
            "显示状态字的含义",
            "[StatusWord]",
        ),
        Operation("cards", "GET", "/cards", "Show the test cards of the catalogue", "显示测试卡目录", "[TestCard]"),
    )
}
"""Every operation by its name."""

_AFTER: Final = {"type": "integer", "description": "leave out the events up to this number"}

STREAMS: Final[Mapping[str, Stream]] = {
    each.name: each
    for each in (
        Stream(
            "trace",
            "/trace",
            "Return what passed, as JSON lines, as text for people, as a JSON list with the numbers of the events, or "
            "as a capture for Wireshark",
            "返回通信记录：JSON 行、便于阅读的文本、带事件编号的 JSON 列表，或供 Wireshark 使用的抓包文件",
            ("application/jsonl", "text/plain", "application/json", "application/octet-stream"),
            {"format": {"enum": ["jsonl", "text", "json", "pcapng"]}, "after": _AFTER},
        ),
        Stream(
            "events",
            "/events",
            "Follow what happens, as server-sent events",
            "以服务器推送事件（SSE）跟踪发生的一切",
            ("text/event-stream",),
            {"after": _AFTER},
        ),
    )
}
"""What is no operation: the trace and the events."""

TRACE_FORMS: Final[tuple[str, ...]] = tuple(STREAMS["trace"].query["format"]["enum"])
"""The forms of a trace, the usual one first."""

SIGNALS: Final[Mapping[str, str]] = {
    "inserted": "card ready",
    "power on": "card powered",
    "removed": "card removed",
    "fault": "fault fired",
}
"""What the automation of a terminal waits for, by the kind of event."""

OTHER_EVENTS: Final = ("command", "power off", "reset", "note")
"""Kinds of events that are called by their kind."""


# -- what is answered -------------------------------------------------------------------------------------


def _object(optional: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_STRING: Final = {"type": "string"}
_INTEGER: Final = {"type": "integer"}
_BOOLEAN: Final = {"type": "boolean"}
_HEX: Final = {"type": "string", "pattern": "^([0-9A-F]{2})*$"}
_TABLE: Final = {"type": "object"}
_TEXTS: Final = (  # of an event
    *("kind", "name", "zh", "file", "fields", "apdu", "answer", "sw", "meaning", "clause"),
    *("reason", "reason_zh", "reader"),
)

TEST_CARD: Final = ("id", "group", "title", "zh", "purpose", "purpose_zh", "right", "right_zh", "clause")
"""What control shows of a test card, beside whether it is a PSAM, and the codes that its functions return."""

SCHEMAS: Final[Mapping[str, dict[str, Any]]] = {
    "Error": _object(error=_STRING),
    "Inserted": _object(profile=_STRING, atr=_HEX, psam=_BOOLEAN, timing=_STRING),
    "Reader": _object(
        reader=_INTEGER,
        name=_STRING,
        card={"anyOf": [_ref("Inserted"), {"type": "null"}]},
        faults=_list(_ref("Fault")),
    ),
    "Fault": _object(fault=_INTEGER, name=_STRING, text=_STRING, fired=_INTEGER),
    "Response": _object(answer=_HEX, sw=_HEX),
    "Card": _object(
        profile=_STRING,
        algorithm=_STRING,
        atr=_HEX,
        blocked=_BOOLEAN,
        directories=_list(_TABLE),
        session=_object(
            df=_STRING,
            ef={"type": ["string", "null"]},
            proven=_list(_STRING),
            challenge=_BOOLEAN,
            waiting=_INTEGER,
        ),
    ),
    "Snapshot": _object(snapshot=_INTEGER),
    "Kind": _object(
        name=_STRING,
        layer={"enum": ["memory", "card", "wire"]},
        text=_STRING,
        zh=_STRING,
        selector=_list(_STRING),
        parameters=_list(
            _object(name=_STRING, values=_STRING, required=_BOOLEAN, default=_STRING, text=_STRING, zh=_STRING)
        ),
    ),
    "Profile": _object(name=_STRING, text=_STRING),
    "TestCard": _object(
        (),
        **dict.fromkeys(TEST_CARD, _STRING),
        psam=_BOOLEAN,
        codes=_list(_INTEGER),
    ),
    "CommandName": _object(name=_STRING, zh=_list(_STRING)),
    "StatusWord": _object(sw=_HEX, text=_STRING, clause=_STRING, zh=_STRING),
    "Timing": _object(name=_STRING, text=_STRING, zh=_STRING),
    "Event": _object(
        ("seconds", *(name for name in _TEXTS if name != "kind")),
        number=_INTEGER,
        signal=_STRING,
        time={"type": "number"},
        seconds={"type": "number"},
        **dict.fromkeys(_TEXTS, _STRING),
    ),
}
"""JSON schemas of what is answered, by name."""


def _answer(name: str) -> dict[str, Any]:
    if name.startswith("["):
        return _list(_answer(name[1:-1]))
    return _ref(name) if name in SCHEMAS else {"type": name}


# -- OpenAPI ----------------------------------------------------------------------------------------------

_REFUSED: Final = {
    "4XX": {"description": "refused: one sentence", "content": {"application/json": {"schema": _ref("Error")}}},
    "5XX": {"description": "the PC/SC stack is gone", "content": {"application/json": {"schema": _ref("Error")}}},
}


def openapi(version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all operations and streams."""
    paths: dict[str, Any] = {}
    for each in OPERATIONS.values():
        paths.setdefault(each.path, {})[each.method.lower()] = _described(each)
    for stream in STREAMS.values():
        paths[stream.path] = {
            "get": {
                "operationId": stream.name,
                "summary": stream.text,
                "parameters": [
                    {"name": name, "in": "query", "schema": schema} for name, schema in stream.query.items()
                ],
                "responses": {
                    "200": {
                        "description": "events",
                        "content": {
                            kind: {"schema": _list(_ref("Event"))} if kind == "application/json" else {}
                            for kind in stream.kinds
                        },
                    },
                    **_REFUSED,
                },
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "sscard rig", "version": version},
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS)},
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.text,
        "parameters": [
            {"name": number, "in": "path", "required": True, "schema": {"type": "integer"}}
            for number in operation.numbers
        ],
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": _answer(operation.answer)}}},
            **_REFUSED,
        },
    }
    if operation.body:
        schema = {
            "type": "object",
            "properties": {field.name: {"type": field.kind, "description": field.text} for field in operation.body},
            "required": [field.name for field in operation.body if field.required],
            "additionalProperties": bool(operation.open_body),
        }
        described["requestBody"] = {
            "required": any(field.required for field in operation.body),
            "content": {"application/json": {"schema": schema}},
        }
    return described
