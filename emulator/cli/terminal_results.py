"""How the result of a function of `sscard terminal` is printed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from ..terminal import Finding, Result

NAMES: Final = {
    "region": "发卡地区行政区划代码",
    "social_security_number": "社会保障号码",
    "card_number": "卡号",
    "identification_code": "卡识别码",
    "name": "姓名",
    "historical_bytes": "卡复位信息",
    "version": "规范版本",
    "issue_date": "发卡日期",
    "expiry_date": "卡有效期",
    "terminal_number": "终端机编号",
    "device_number": "终端设备号",
    "algorithm": "算法标识",
    "key_address": "密钥地址",
    "amounts": "交易金额",
    "amount": "交易金额",
    "balance": "个人账户余额",
    "account": "个人账户余额",
    "self_paid": "个人自付累计金额",
    "fund": "统筹基金支付累计金额",
    "load_sequence": "划入交易序号",
    "type": "交易类型",
    "terminal_sequence": "终端交易序号",
    "sequence": "交易序号",
    "time": "交易时间",
    "total": "消费总金额",
    "account_plus_fund": "账户与统筹合计",
    "tac": "交易验证码",
    "mac": "交易认证码",
    "mac2": "MAC2",
}


def print_warnings(findings: "Sequence[Finding]") -> None:
    """Print what the checks of the card found, a line each, on standard error."""
    for each in findings:
        click.echo(f"warning: {each.text}", err=True)


def warnings_of(findings: "Sequence[Finding]") -> dict[str, Any]:
    """Return the same for programs: ``warnings``, or nothing if nothing was found."""
    found = [{"check": each.check, "text": each.text} for each in findings]
    return {"warnings": found} if found else {}


def print_json(document: dict[str, Any]) -> None:
    """Print a document on standard output, Chinese as it is."""
    import json

    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_table(done: "Result", title: str) -> None:
    """Print a result as a table: fields by name, items by file, or records a line each."""
    from rich.table import Table

    from ..trace.visible import one_line
    from .console import console

    table = Table(title=title, title_style="bold", header_style="bold")
    records = done.fields.get("records")
    if records is not None:
        for name in records[0] if records else ():
            table.add_column(f"{NAMES[name]}\n{name}")
        for record in records:
            table.add_row(*map(one_line, record.values()))
    elif done.labels or any(isinstance(value, dict) for value in done.fields.values()):
        for column in ("file", "item", "数据项", "value"):
            table.add_column(column, overflow="fold")
        for file, items in done.fields.items():
            for item, value in items.items():
                table.add_row(file, item, done.labels[f"{file}/{item}"], one_line(value))
    else:
        for column in ("数据项", "element", "value"):
            table.add_column(column, overflow="fold")
        for name, value in done.fields.items():
            table.add_row(NAMES.get(name, ""), name, one_line(value))
    console().print(table)
