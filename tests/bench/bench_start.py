"""What `sscard insert` costs: time to the connected link, and resident memory."""

import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from cardfs.memory.image import Image
from tests.bench.bench_process import SELECT
from tests.bench.measure import Row, leave
from tests.kit import child
from tests.kit.card import ORIGINAL, contents, reference_key
from tests.kit.reference import Reference

SSCARD = Path(sys.executable).with_name("sscard")
STARTS = 7
START_BOUND = 0.5
IMPORT_BOUND = 160.0
FACE_BOUND = 40.0
MEMORY_BOUND = 80.0


def _send(link: socket.socket, payload: bytes) -> None:
    link.sendall(len(payload).to_bytes(2) + payload)


def _ask(link: socket.socket, payload: bytes) -> bytes:
    _send(link, payload)
    length = int.from_bytes(link.recv(2, socket.MSG_WAITALL))
    return link.recv(length, socket.MSG_WAITALL)


@contextmanager
def _inserted(image: Path) -> Iterator[tuple[float, socket.socket, int]]:
    """Start `sscard insert` against a port of ours: seconds to the link, the link, the process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        command = [str(SSCARD), "insert", str(image), "--quiet", "--port", str(server.getsockname()[1])]
        began = perf_counter()
        with child.start(command) as process:
            try:
                link, _ = server.accept()
                seconds = perf_counter() - began
                with link:
                    yield seconds, link, process.pid
            finally:
                process.send_signal(signal.SIGTERM)


def _image(folder: Path, profile: str) -> Path:
    path = folder / f"{profile}.sscard"
    Image.create(path, contents(profile))
    return path


def bench_start_to_the_connected_link(benchmark: Any, tmp_path: Path) -> None:
    image = _image(tmp_path, "ssc-2.0")
    times = []
    for _ in range(STARTS + 1):
        with _inserted(image) as (seconds, link, _):
            assert _ask(link, b"\x04")[0] == 0x3B
            times.append(seconds)
    benchmark.pedantic(lambda: None)  # the times are taken above, process by process
    leave(benchmark, Row("start of `sscard insert` to connected link", median(times[1:]), "s", bound=START_BOUND))


def bench_imports(benchmark: Any) -> None:
    rows = []
    for name, bound in (("emulator.terminal", IMPORT_BOUND), ("sscard", FACE_BOUND)):
        script = f"from time import perf_counter as now; began = now(); import {name}; print(now() - began)"
        times = [float(child.run([sys.executable, "-c", script]).stdout) for _ in range(STARTS + 1)]
        rows.append(Row(f"import of {name}", median(times[1:]) * 1e3, "ms", bound=bound))
    benchmark.pedantic(lambda: None)  # the times are taken above, process by process
    leave(benchmark, *rows)


def bench_resident_memory(benchmark: Any, tmp_path: Path) -> None:
    sizes = {}
    for profile, suite in (("ssc-2.0", "3DES"), ("ssc-3.0", "SM4")):
        with _inserted(_image(tmp_path, profile)) as (_, link, pid):
            _send(link, b"\x01")
            _ask(link, SELECT)
            key = reference_key("RKSSSE", suite)
            for _ in range(50):
                challenge = _ask(link, b"\x00\x84\x00\x00\x08")[:-2]
                proof = Reference(suite).auth(key, challenge, ORIGINAL)
                assert _ask(link, b"\x00\x82\x00\x0a\x10" + proof + ORIGINAL) == b"\x90\x00"
            status = Path(f"/proc/{pid}/status").read_text()
            sizes[suite] = int(re.findall(r"VmRSS:\s*(\d+) kB", status)[0]) / 1024
    benchmark.pedantic(lambda: None)
    leave(
        benchmark,
        *(
            Row(
                f"resident memory with one {suite} card",
                size,
                "MB",
                bound=MEMORY_BOUND,
                note="both cipher libraries loaded",
            )
            for suite, size in sizes.items()
        ),
    )
