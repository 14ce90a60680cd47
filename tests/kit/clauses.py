"""What Part 4 asks and what proves it, made from the `clause` markers of the tests.

    python -m tests.kit.clauses           write it into docs/clauses.md, between its two comments
    python -m tests.kit.clauses --check   status 1 if the page has another one, or a clause has no proof

The clauses are those of chapters 5 to 8, as the standard numbers them; a chapter with sections has none
of its own.
"""

import os
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.kit.places import ROOT

PAGE: Final = ROOT / "docs/clauses.md"
BEGIN, END = "<!-- clauses -->", "<!-- /clauses -->"
PART: Final = "Part 4, "

# Number, Chinese title, what it asks.
CLAUSES: Final = (
    ("5.1", "整体安全架构", "MF, one environment each for finance and social security, a firewall between them"),
    (
        "5.2",
        "MF 安全控制",
        "the card master key updates itself, creates environments, loads their master key, then loses them",
    ),
    ("5.3", "社保应用环境下的安全控制", "the environment master key updates itself and creates what is below"),
    ("5.4", "金融应用环境下的安全控制", "the same for the financial environment"),
    ("5.5", "应用防火墙机制", "the environments do not touch each other"),
    ("6.1", "共存应用", "each application in its own ADF, no access across"),
    ("6.2", "安全计算的操作环境", "what computes with keys is secret and reliable"),
    ("6.3", "密码算法的安全要求", "six functions; the program is neither read nor changed"),
    ("6.4", "个人密码的存放", "the PIN is never disclosed"),
    ("7.1", "密钥的独立性", "one key, one function"),
    ("7.2", "密钥的生成和派生", "randomness takes part, the key space is not shortened"),
    ("7.3", "密钥的装载和更新", "secure messaging, and the key enciphered"),
    ("7.4", "密钥的存放和访问", "keys are not disclosed and not accessed from outside"),
    ("7.5", "密钥的终止", "no use of keys out of date; a locked application's are dead; temporary keys end with power"),
    ("8.1", "安全报文传送格式", "CLA x4; what is enciphered is settled before"),
    ("8.2", "报文完整性和验证", "the MAC covers all elements, the header too"),
    ("8.2.1", "MAC 的位置", "last in the data field"),
    ("8.2.2", "MAC 的长度", "4 bytes"),
    ("8.2.3", "MAC 密钥的产生", "a session key of the stored key"),
    ("8.2.4.1", "8 字节分组：MAC", "CBC from zero, padding 80 00…, the left 4 bytes"),
    ("8.2.4.2", "16 字节分组：MAC", "the same in blocks of 16, folded by XOR"),
    ("8.3.1", "数据加密密钥的计算", "a session key of the stored key"),
    ("8.3.2", "被加密数据的结构", "LD, data, padding"),
    ("8.3.3.1", "8 字节分组：加密", "ECB, padding only where needed"),
    ("8.3.3.2", "16 字节分组：加密", "the same in blocks of 16, LD at least 1"),
    ("8.3.4.1", "8 字节分组：解密", "decipher, cut with LD"),
    ("8.3.4.2", "16 字节分组：解密", "the same in blocks of 16"),
    ("8.4.1", "8 字节分组：过程密钥", "single and double length; 4 bytes padded; used once"),
    ("8.4.2", "16 字节分组：过程密钥", "challenges of 4, 8, 16"),
    (
        "8.5",
        "安全报文传送的命令情况",
        "Lc counts the MAC; all four cases: 1 locks, 2 reading, 3 updates, 4 reading under T=0",
    ),
)


class Collector:
    """A pytest plugin that notes every `clause` marker of the collected tests."""

    def __init__(self) -> None:
        """Start with nothing found."""
        self.found: dict[str, dict[str, str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note clause, what is proven, and the file of the test; the first file of equal words stands."""
        for item in session.items:
            # The nearest marker comes first, which is the last one written.
            for marker in reversed(list(item.iter_markers("clause"))):
                number, what = marker.args
                file = item.path.relative_to(ROOT).as_posix()
                self.found.setdefault(str(number), {}).setdefault(str(what), file)


def collect() -> dict[str, dict[str, str]]:
    """Return what is proven, and where, by clause: ``{"Part 4, 5.2": {"…": "tests/conformance/…/test_life.py"}}``."""
    collector = Collector()
    output = sys.stdout
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        sys.stdout = nowhere
        try:
            status = pytest.main(
                ["--collect-only", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), str(ROOT / "tests")],
                plugins=[collector],
            )
        finally:
            sys.stdout = output
    if status:
        raise SystemExit("the tests cannot be collected")
    return collector.found


def unproven(found: dict[str, dict[str, str]]) -> list[str]:
    """Clauses without a proof, and markers that name no clause of these chapters."""
    known = [PART + number for number, *_ in CLAUSES]
    strange = [each for each in found if each.startswith(PART) and each not in known]
    return [each for each in known if each not in found] + strange


def sections(found: dict[str, dict[str, str]]) -> str:
    """Return a section for each clause, in Markdown: what it asks, and a line for each file that proves it.

    A table would squeeze the Chinese titles to one character a line.
    """
    lines: list[str] = []
    for number, title, asks in CLAUSES:
        by_file: dict[str, list[str]] = {}
        for what, file in found.get(PART + number, {}).items():
            by_file.setdefault(file, []).append(what)
        proofs = [_proof(file, whats) for file, whats in sorted(by_file.items())] or ["**nothing**"]
        lines += [f"## {number} {title}", "", f"Asks: {asks}.", "", *(f"* {proof}" for proof in proofs), ""]
    return "\n".join(lines)


def _proof(file: str, whats: list[str]) -> str:
    """Return what a file proves of a clause: the first in words, the others counted."""
    more = f", {len(whats) - 1} more" if len(whats) > 1 else ""
    name = file.removeprefix("tests/").removesuffix(".py").replace("test_", "")
    return f"[{name}](../{file}): {whats[0]}{more}"


def written(text: str, found: dict[str, dict[str, str]]) -> str:
    """Return the page with the sections between its comments."""
    before, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"\n{END}")
    if not begin or not end:
        raise SystemExit(f"{PAGE.name} has no place for the clauses: {BEGIN} and {END}")
    return f"{before}{begin}\n{sections(found)}{end}{after}"


def main(arguments: list[str]) -> int:
    """Write the sections, or check them."""
    found = collect()
    missing = unproven(found)
    for each in missing:
        print(f"{each}: nothing proves it, or it is no clause of chapters 5 to 8", file=sys.stderr)
    text = PAGE.read_text(encoding="utf-8")
    new = written(text, found)
    if "--check" in arguments:
        if new != text:
            print("docs/clauses.md is stale: run scripts/clauses", file=sys.stderr)
        return 1 if missing or new != text else 0
    PAGE.write_text(new, encoding="utf-8")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
