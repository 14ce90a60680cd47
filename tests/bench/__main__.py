"""Run the benchmarks, print one table, write bench.json."""

import json
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from tests.bench.measure import ROWS

HERE = Path(__file__).parent
RESULT = HERE.parents[1] / "bench.json"
STYLES = {"ok": "green", "over": "bold red", "info": "dim"}


def number(value: float | None, unit: str = "") -> str:
    """A number as people read it."""
    if value is None:
        return ""
    digits = 0 if value >= 1000 else 1 if value >= 20 else 2
    return f"{value:,.{digits}f} {unit}".strip()


def table(rows: list[dict[str, Any]]) -> Table:
    """All rows as one table."""
    result = Table(header_style="bold", caption="medians; a ratio is measured over interleaved pairs", box=None)
    for column in ("what", "measured", "reference", "ratio", "bound", "", "note"):
        result.add_column(column, justify="right" if column in ("measured", "reference", "ratio", "bound") else "left")
    for row in rows:
        ratio = row["ratio"]
        unit = "" if ratio is not None else row["unit"]
        sign = "" if row["bound"] is None else ">= " if row["at_least"] else "<= "
        result.add_row(
            row["what"],
            number(row["measured"], row["unit"]),
            number(row["reference"], row["unit"]),
            "" if ratio is None else f"{ratio:.2f}",
            sign + number(row["bound"], unit),
            f"[{STYLES[row['verdict']]}]{row['verdict']}",
            row["note"],
        )
    return result


def main(arguments: list[str]) -> int:
    """Measure, print, write; 0 unless a benchmark broke. A bound that is passed over breaks nothing."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.json"
        status = pytest.main(
            [
                *("-q", "--benchmark-quiet", f"--benchmark-json={raw}", "-p", "no:cacheprovider"),
                *("-o", "python_files=bench_*.py", "-o", "python_functions=bench_*"),
                *(arguments or [str(HERE)]),
            ]
        )
        if not raw.exists() or not raw.stat().st_size:
            return int(status) or 1
        report = json.loads(raw.read_text())
    rows = [row for benchmark in report["benchmarks"] for row in benchmark["extra_info"].get(ROWS, [])]
    cpu = report["machine_info"].get("cpu", {})
    head = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cpu": cpu.get("brand_raw", platform.machine()),
        "cores": cpu.get("count"),
    }
    RESULT.write_text(json.dumps(head | {ROWS: rows}, ensure_ascii=False, indent=2) + "\n")
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(f"\n{head['cpu']}, {head['cores']} cores, Python {head['python']}\n")
    console.print(table(rows))
    console.print(f"\n{RESULT}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
