"""Cards are pulled out of real readers 200 times (防拔): nothing answered 9000 is lost, no try comes back.

Eight slots of one private stack are pulled at the same time. PC/SC needs about a second to see that a card
has gone and another one has come, so that one slot would take minutes for what eight do together; all of it
goes through pcscd and the driver, nothing is simulated. What happens in a slot stands in `pulling`
(Part 7, 5.8, 6.6 and 14; Part 4, 7.5).
"""

import json
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kit import child
from tests.kit.places import ROOT
from tests.pcsc.harness import PcscStack

pytestmark = pytest.mark.pcsc

SLOTS = 8
PULLS = 25
TIMEOUT = 300


@pytest.mark.timeout(TIMEOUT + 60)
def test_cards_pulled_out_two_hundred_times_keep_what_they_answered_and_give_no_try_back(tmp_path: Path) -> None:
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with PcscStack(SLOTS) as stack, ExitStack() as running:
        pullers = [
            running.enter_context(
                stack.start(
                    [
                        *(sys.executable, "-m", "tests.pcsc.pulling"),
                        *(tmp_path / f"{slot}.sscard", slot, stack.readers[slot], PULLS),
                    ],
                    limit=TIMEOUT,
                    cwd=ROOT,
                    env=child.environment(PYTHONPATH=str(ROOT)),
                    **pipes,
                )
            )
            for slot in range(SLOTS)
        ]
        seen: Counter[str] = Counter()
        for puller in pullers:
            output, errors = puller.communicate(timeout=TIMEOUT)
            assert puller.returncode == 0, errors
            seen.update(json.loads(output.splitlines()[-1]))
    assert seen["pulls"] == SLOTS * PULLS == 200
    assert seen["open"] > seen["pulls"] / 4, f"hardly a command was ever cut off: {seen}"
    assert min(seen[kind] for kind in ("binary", "fixed", "cyclic", "PIN", "UK", "RK")) > 20, seen
