"""How long `dtrctl --version` takes."""

from __future__ import annotations

import os
import time
from statistics import median

from common import Bench, Table, Target, number

TIMES = 50


def run(bench: Bench) -> dict:
    return {"version": spawned([bench.dtrctl, "--version"]), "nothing": spawned(["/bin/true"])}


def spawned(command: list[str]) -> float:
    """Milliseconds from its start to its end, what it takes to start any process included."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    found = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
        _, status = os.waitpid(pid, 0)
        found.append((time.perf_counter() - begin) * 1000)
        if status != 0:
            raise SystemExit(f"{command}: status {status}")
    return median(found)


def targets(found: dict) -> list[Target]:
    return [Target("`dtrctl --version`", found["version"], 5, " ms")]


def tables(found: dict) -> list[Table]:
    return [
        Table(
            ["", f"median of {TIMES}"],
            [["`dtrctl --version`", f"{number(found['version'])} ms"], ["`/bin/true`", f"{number(found['nothing'])} ms"]],
        )
    ]
