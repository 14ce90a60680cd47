"""JSON schemas as an OpenAPI document has them: check a value against the few words that ours use."""

import re
from typing import Any, Final

_TYPES: Final[dict[str, Any]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "object": dict,
    "array": list,
}
_WORDS: Final = frozenset(
    (
        *("type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "pattern", "$ref"),
        "description",
    )
)


def mistakes(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str = "") -> list[str]:
    """Return where a value is not as a schema says; nothing if it is.

    Args:
        value: what `json.loads` returned.
        schema: a JSON schema.
        document: the OpenAPI document that ``$ref`` leads into.
        at: place of the value, for the sentences.
    """
    assert schema.keys() <= _WORDS, f"unknown words: {schema.keys() - _WORDS}"
    if "$ref" in schema:
        inner: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            inner = inner[part]
        return mistakes(value, inner, document, at)
    if "anyOf" in schema:
        each = [mistakes(value, one, document, at) for one in schema["anyOf"]]
        return [] if [] in each else each[0]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if "type" in schema and not _is(value, schema["type"]):
        return [f"{at}: {value!r} is no {schema['type']}"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: {value!r} does not match {schema['pattern']}")
    if isinstance(value, list) and "items" in schema:
        found += [
            line for n, one in enumerate(value) for line in mistakes(one, schema["items"], document, f"{at}[{n}]")
        ]
    if isinstance(value, dict):
        found += _of_object(value, schema, document, at)
    return found


def _of_object(value: dict[str, Any], schema: dict[str, Any], document: dict[str, Any], at: str) -> list[str]:
    """Return what is wrong with a JSON object."""
    properties = schema.get("properties", {})
    found = [f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value]
    for name, one in value.items():
        if name in properties:
            found += mistakes(one, properties[name], document, f"{at}.{name}")
        elif schema.get("additionalProperties", True) is False:
            found.append(f"{at}: {name} is not described")
    return found


def _is(value: Any, kinds: str | list[str]) -> bool:
    """Return whether a value is of one of the JSON types; a truth value is no number."""
    names = [kinds] if isinstance(kinds, str) else kinds
    return any(
        isinstance(value, _TYPES[name]) and not (isinstance(value, bool) and name in ("integer", "number"))
        for name in names
    )
