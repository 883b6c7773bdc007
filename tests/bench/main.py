"""Runs the sections, says what they have found, and writes the page. `run` has made ready what this needs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from pathlib import Path
from types import ModuleType

import inventory
import page
import peers
import scale
import start
import trips
from common import HERE, ROOT, Bench, targets_table

SECTIONS: dict[str, ModuleType] = {
    "start": start,
    "inventory": inventory,
    "trips": trips,
    "peers": peers,
    "scale": scale,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--forks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    bench = Bench(
        given.work,
        os.environ["DTRCTL_BENCH_BINARY"],
        Path(os.environ["DTRCTL_BENCH_PEERS"]),
        given.hosts,
        given.forks,
        given.rounds,
    )
    store = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "bench.json"
    found = json.loads(store.read_text()) if store.is_file() else {}
    found["machine"] = machine()
    found["versions"] = versions()
    missed = 0
    for name in given.only:
        print(f"\n==> {name}", flush=True)
        found[name] = SECTIONS[name].run(bench)
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_text(json.dumps(found, indent=1) + "\n")
        missed += say(name, found[name])
    if given.write:
        page.write(found, {name: SECTIONS[name] for name in SECTIONS if name in found})
    print(f"\n{missed} targets missed; all that was measured: {store}")


def say(name: str, found: dict) -> int:
    """Prints a section's tables; how many of its targets are missed."""
    section = SECTIONS[name]
    targets = section.targets(found)
    for table in [*section.tables(found), targets_table(targets)]:
        print(f"\n{table.text()}", flush=True)
    return sum(not target.met for target in targets)


def machine() -> str:
    """What all figures depend on."""
    text = Path("/proc/cpuinfo").read_text()
    models = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = f"{os.cpu_count()} cores"
    return f"{cores} ({models[0] if models else platform.machine()}), {memory:.0f} GiB, Linux {platform.release()}"


def versions() -> str:
    """The peers', as they are pinned, and what else has a part in it."""
    pinned = [line.replace("==", " ") for line in (HERE / "peers.txt").read_text().split()]
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr.split(",")[0].replace("_", " ")
    return ", ".join([*pinned, f"Python {platform.python_version()}", ssh])


if __name__ == "__main__":
    main()
