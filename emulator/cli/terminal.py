"""`sscard terminal`: the national functions on the command line, over any pair of PC/SC readers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .errors import UsageFault
from .group import main
from .terminal_options import shared
from .terminal_run import TRADES, TerminalRun, now, perform, yuan

if TYPE_CHECKING:
    from ..terminal import Result, TerminalError


@main.group()
def terminal() -> None:
    """Work with a user card as a terminal does: the national functions, with a PSAM or an HSM."""


# -- the functions ------------------------------------------------------------------------------


@terminal.command("read-basic")
@shared
def read_basic(**options: Any) -> None:
    """Authenticate the card and read its basic data (iReadCardBas)."""

    def steps(run: TerminalRun, ask: Callable[..., str]) -> "Result":
        first = run.terminal.read_basic_hsm_step1(run.kind, card_info=run.expected)
        return run.terminal.read_basic_hsm_step2(ask(first, lambda text: run.hsm().basic(text)))

    def function(run: TerminalRun) -> "Result":
        return run.with_psam_or_hsm(
            lambda: run.terminal.read_basic(run.kind, card_info=run.expected),
            lambda ask: steps(run, ask),
        )

    perform(options, function, "读基本信息")


@terminal.command()
@click.argument("address")
@click.option("--by", type=click.Choice(["pin", "key"]), default="pin", help="Proof for files that accept either.")
@shared
def read(address: str, by: str, **options: Any) -> None:
    """Read items of files (iReadCard): DF01EF0A|37|$DF01EF15|2A|40:2|$, or DF02EF07|$ for a whole file."""

    def steps(run: TerminalRun, ask: Callable[..., str]) -> "Result":
        card = run.card()
        first = run.terminal.read_hsm_step1(run.info, address, run.kind)
        return run.terminal.read_hsm_step2(ask(first, lambda text: run.hsm().authentication(text, card)))

    def function(run: TerminalRun) -> "Result":
        proof = 1 if by == "pin" else 2
        return run.with_psam_or_hsm(
            lambda: run.terminal.read(run.info, address, proof, run.kind),
            lambda ask: steps(run, ask),
        )

    perform(options, function, "通用读卡")


@terminal.command()
@click.argument("address")
@click.argument("data")
@shared
def write(address: str, data: str, **options: Any) -> None:
    """Write items of files (iWriteCard): DF01EF07|29|$ with the data DF01EF07|1|$."""

    def steps(run: TerminalRun, ask: Callable[..., str]) -> "Result":
        card = run.card()
        first = run.terminal.write_hsm_step1(run.info, address, run.kind)
        return run.terminal.write_hsm_step2(ask(first, lambda text: run.hsm().authentication(text, card)), data)

    def function(run: TerminalRun) -> "Result":
        return run.with_psam_or_hsm(
            lambda: run.terminal.write(run.info, address, data, run.kind),
            lambda ask: steps(run, ask),
        )

    perform(options, function, "通用写卡")


@terminal.command("verify-pin")
@shared
def verify_pin(**options: Any) -> None:
    """Check the PIN (iVerifyPIN)."""
    perform(
        options,
        lambda run: run.terminal.verify_pin(run.kind, card_info=run.expected),
        "PIN 校验",
    )


@terminal.command("change-pin")
@shared
def change_pin(**options: Any) -> None:
    """Replace the PIN by a new one; the old one is needed (iChangePIN)."""
    perform(
        options,
        lambda run: run.terminal.change_pin(run.kind, card_info=run.expected),
        "PIN 修改",
    )


@terminal.command("reload-pin")
@shared
def reload_pin(**options: Any) -> None:
    """Set a new PIN without the old one (iReloadPIN)."""

    def steps(run: TerminalRun, ask: Callable[..., str]) -> "Result":
        card = run.card()
        first = run.terminal.reload_pin_hsm_step1(run.info, run.kind)
        second = run.terminal.reload_pin_hsm_step2(ask(first, lambda text: run.hsm().authentication(text, card)))
        return run.terminal.reload_pin_hsm_step3(ask(second, lambda text: run.hsm().secured(text, card)))

    def function(run: TerminalRun) -> "Result":
        return run.with_psam_or_hsm(lambda: run.terminal.reload_pin(run.info, run.kind), lambda ask: steps(run, ask))

    perform(options, function, "PIN 重置")


@terminal.command("unblock-pin")
@shared
def unblock_pin(**options: Any) -> None:
    """Give the PIN all its tries again (iUnblockPIN)."""

    def steps(run: TerminalRun, ask: Callable[..., str]) -> "Result":
        card = run.card()
        first = run.terminal.unblock_pin_hsm_step1(run.info, run.kind)
        second = run.terminal.unblock_pin_hsm_step2(ask(first, lambda text: run.hsm().authentication(text, card)))
        return run.terminal.unblock_pin_hsm_step3(ask(second, lambda text: run.hsm().secured(text, card)))

    def function(run: TerminalRun) -> "Result":
        return run.with_psam_or_hsm(lambda: run.terminal.unblock_pin(run.info, run.kind), lambda ask: steps(run, ask))

    perform(options, function, "PIN 解锁")


@terminal.command()
@click.argument("total")
@click.argument("covered", default="0.00")
@click.option("--time", "moment", default="", help="YYYYMMDDHHMMSS.  [default: now]")
@shared
def debit(total: str, covered: str, moment: str, **options: Any) -> None:
    """Pay TOTAL yuan, of which account and fund together pay COVERED (iDoDebit).

    The standard names two amounts, the card takes three. By default the account pays nothing: the card counts TOTAL
    as paid by the holder and COVERED as paid by the fund. With --set terminal.debit_amounts=account COVERED is
    taken from the account, with =fund it is the fund's; the holder pays the rest.
    """
    payment = f"{yuan(total)}|{yuan(covered)}|{moment or now()}|"

    def steps(run: TerminalRun, ask: Callable[..., str]) -> "Result":
        card, hsm = run.card(), run.hsm()
        first = run.terminal.debit_hsm_step1(run.info, payment, run.kind)
        key = ask(first, lambda text: hsm.purchase(text, card))
        done = run.terminal.debit_hsm_step2(key, reinsert=run.reinsert)
        if run.options["hsm"] != "stdin" and not (hsm.check_mac2(done.text) and hsm.check_tac(done.text, card)):
            raise _booked_wrongly("MAC2 or TAC", run.info, "2", first.fields["purchase_sequence"])
        return done

    def function(run: TerminalRun) -> "Result":
        return run.with_psam_or_hsm(
            lambda: run.terminal.debit(run.info, payment, run.kind, reinsert=run.reinsert),
            lambda ask: steps(run, ask),
        )

    perform(options, function, "消费交易")


@terminal.command()
@click.argument("amount")
@click.option("--time", "moment", default="", help="Time of the host, YYYYMMDDHHMMSS.  [default: now]")
@shared
def load(amount: str, moment: str, **options: Any) -> None:
    """Load AMOUNT yuan into the account; the HSM has the key (帐户划入; Part 7, 11)."""

    def function(run: TerminalRun) -> "Result":
        from ..terminal.amounts import moment as checked

        time, card, hsm = checked(moment or now()), run.card(), run.hsm()
        by_hand = run.options["hsm"] == "stdin"

        def host(text: str) -> str:
            return run.ask_hsm(text) if by_hand else hsm.load(text, card, time)

        done = run.terminal.load(run.info, yuan(amount), host, run.kind, reinsert=run.reinsert)
        if not by_hand and not hsm.check_load_tac(done.text, card):
            raise _booked_wrongly("TAC", run.info, "1", done.fields["load_sequence"])
        return done

    perform(options, function, "帐户划入")


@terminal.command("read-debit-records")
@shared
def read_debit_records(**options: Any) -> None:
    """Read the records of purchases (iReadDebitRecord)."""

    def function(run: TerminalRun) -> "Result":
        return run.terminal.read_debit_records(run.kind, card_info=run.expected)

    perform(options, function, "读消费交易记录", "no purchases")


@terminal.command()
@shared
def balance(**options: Any) -> None:
    """Read what the account holds, and what holder and fund have paid this year (读取余额; Part 5, 7.3)."""
    perform(options, lambda run: run.terminal.balance(run.kind, card_info=run.expected), "读取余额")


class _Trade(click.Choice[str]):
    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002 - as called
        """Return the empty text: the usage shows the choices already, and click would list them once more."""
        return ""


@terminal.command()
@click.argument("trade", type=_Trade(list(TRADES.values())))
@click.argument("sequence")
@shared
def proof(trade: str, sequence: str, **options: Any) -> None:
    """Ask for the proof of a trade whose answer was lost, by its SEQUENCE in hex (取交易认证码; Part 7, 14)."""
    which = next(each for each, name in TRADES.items() if name == trade)
    perform(
        options,
        lambda run: run.terminal.proof(run.info, which, sequence, run.kind),
        "取交易认证码",
    )


def _booked_wrongly(what: str, card_info: str, trade: str, sequence: str) -> "TerminalError":
    from ..terminal import TerminalError, Uncertain

    sentence = f"the card has booked the trade, but its {what} is wrong"
    return TerminalError(sentence, -0x9302, trade=Uncertain(card_info, trade, sequence))


@terminal.command()
@click.argument("wanted", metavar="[ADDRESS|NAME]", default="")
def addresses(wanted: str) -> None:
    """List the logical addresses of keys in an HSM (密钥逻辑地址), or those of one address or key."""
    from ..terminal.keytable import ADDRESSES

    found = 0
    for address, key in sorted(ADDRESSES.items()):
        if not wanted or wanted.upper() in (f"{address:04X}", key.name):
            click.echo(f"{address:04X}  {key.name:<9} version {key.version}, group {key.group}")
            found += 1
    if not found:
        raise UsageFault(f"{wanted}: no such address, and no key of this name has one; give none to see all")
