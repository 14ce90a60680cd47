"""The tables of faults, timings, control and traces as their pages have them, in both languages, made from the code."""

from collections.abc import Iterable
from typing import Final, Literal

from emulator.control.operations import OPERATIONS, STREAMS
from emulator.formats.forms import FORMS
from emulator.rig.fault import SELECTORS, shown
from emulator.rig.kinds import KINDS, REQUIRED, Parameter
from emulator.rig.testing import WISHES
from emulator.rig.timing import NONE, TIMINGS, WORK

Language = Literal["en", "zh"]
LAYERS: Final = {"memory": "存储器", "card": "卡命令", "wire": "卡与读写器之间"}
NEEDED: Final[dict[Language, str]] = {"en": "must be given", "zh": "必须给出"}
HEADS: Final[dict[str, dict[Language, tuple[str, ...]]]] = {
    "faults": {
        "en": ("fault", "where it acts", "what the client sees"),
        "zh": ("故障", "作用位置", "客户端看到什么"),
    },
    "parameters": {
        "en": ("fault", "parameter", "values", "if left out", "what it is for"),
        "zh": ("故障", "参数", "取值", "省略时", "用途"),
    },
    "selector": {"en": ("key", "values", "what it is for"), "zh": ("键", "取值", "用途")},
    "timings": {"en": ("timing", "what it stands for"), "zh": ("时间", "含义")},
    "work": {"en": ("commands", "milliseconds"), "zh": ("命令", "毫秒")},
}


def tables(language: Language) -> dict[str, str]:
    """Return every table by its name, as lines of Markdown."""
    return {name: _table(head[language], _rows(name, language)) for name, head in HEADS.items()}


def forms(language: Language) -> str:
    """Return the table of the forms of traces."""
    head = {"en": ("form", "what it is", "read", "written"), "zh": ("格式", "内容", "读", "写")}[language]
    yes = {"en": "yes", "zh": "是"}[language]
    return _table(
        head,
        [
            (
                f"`{form.name}`",
                form.zh if language == "zh" else form.text,
                yes if form.read else "",
                yes if form.write else "",
            )
            for form in FORMS.values()
        ],
    )


def wishes(language: Language) -> str:
    """Return the table of what the marker of a test can say."""
    head = {"en": ("name", "values", "what it is for"), "zh": ("名称", "取值", "用途")}[language]
    chinese = language == "zh"
    rows = (
        (
            f"`{name}`",
            CHINESE.get(wish.values, wish.values) if chinese else wish.values,
            wish.zh if chinese else wish.text,
        )
        for name, wish in WISHES.items()
    )
    return _table(head, rows)


def operations(language: Language) -> str:
    """Return the table of the operations of control."""
    head = {"en": ("operation", "request", "fields", "what it does"), "zh": ("操作", "请求", "字段", "作用")}[language]
    comma = "、" if language == "zh" else ", "
    more = {"en": "selector and parameters", "zh": "选择条件和参数"}[language]
    rows = (
        (
            f"`{each.name}`",
            f"`{each.method} {each.path}`",
            comma.join([*(f"`{field.name}`" for field in each.body), *([more] if each.open_body else [])]),
            each.zh if language == "zh" else each.text,
        )
        for each in OPERATIONS.values()
    )
    return _table(head, rows)


def streams(language: Language) -> str:
    """Return the table of what of control is a text or a stream."""
    head = {"en": ("request", "fields of the query", "what it returns"), "zh": ("请求", "查询字段", "返回什么")}[
        language
    ]
    comma = "、" if language == "zh" else ", "
    rows = (
        (
            f"`GET {each.path}`",
            comma.join(
                f"`{name}`" + (f" (`{'`, `'.join(schema['enum'])}`)" if "enum" in schema else "")
                for name, schema in each.query.items()
            ),
            each.zh if language == "zh" else each.text,
        )
        for each in STREAMS.values()
    )
    return _table(head, rows)


def _rows(name: str, language: Language) -> Iterable[tuple[str, ...]]:
    """Yield the rows of a table."""
    zh = language == "zh"
    if name == "faults":
        for kind in KINDS.values():
            yield f"`{kind.name}`", LAYERS[kind.layer] if zh else kind.layer, kind.zh if zh else kind.text
    elif name == "parameters":
        for kind in KINDS.values():
            for each in kind.parameters:
                default = NEEDED[language] if each.default is REQUIRED else f"`{shown(each.default)}`"
                yield f"`{kind.name}`", f"`{each.name}`", _values(each, language), default, each.zh if zh else each.text
    elif name == "selector":
        for each in SELECTORS.values():
            yield f"`{each.name}`", _values(each, language), each.zh if zh else each.text
    elif name == "timings":
        for timing, wire in TIMINGS.items():
            yield f"`{timing}`", wire.zh if zh else wire.text
        yield f"`{NONE}`", "不等待" if zh else "no waiting"
    else:
        for work in WORK.values():
            yield work.zh if zh else work.text, f"{work.seconds * 1000:g}"


CHINESE: Final[dict[str, str]] = {
    "before, after": "before、after",
    "seconds, never": "秒数、never",
    "4 hex digits": "4 位十六进制数字",
    "2 hex digits": "2 位十六进制数字",
    "hex": "十六进制",
    "name of a key": "密钥名称",
    "name or bytes of a command": "命令的名称或字节",
    "label of a file": "文件标识",
    "name or TOML file": "名称或 TOML 文件",
    "4 to 16 digits, or empty": "4 至 16 位数字，或空",
    "six digits": "六位数字",
    "TOML file or mapping": "TOML 文件或映射",
    "mapping": "映射",
    "`demo`, `catalogue:ID` or image file": "`demo`、`catalogue:ID` 或卡文件",
    "number, or list of `demo`, `psam`, `empty`, `catalogue:ID`, image files": (
        "个数，或 `demo`、`psam`、`empty`、`catalogue:ID`、卡文件的列表"
    ),
    "text or number": "文本或数字",
    "date or time": "日期或时间",
    "name": "名称",
    "`edep`, `debit_credit`, `both`": "`edep`、`debit_credit`、`both`",
    "`process`, `pcsc`": "`process`、`pcsc`",
    "`True`, `False`": "`True`、`False`",
}


def _values(parameter: Parameter, language: Language) -> str:
    """Return which values a parameter has."""
    text = parameter.values
    return text if language == "en" else CHINESE.get(text, text.replace(" to ", " 至 ").replace(", or ", "，或 "))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join((lines[0], "|" + "---|" * len(head), *lines[1:]))
