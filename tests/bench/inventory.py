"""An inventory of ten thousand hosts: read, listed, and a pattern applied, by dtrctl and by Ansible."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import common
from common import Bench, Table, Target, number

HOSTS, GROUPS = 10_000, 100
PATTERN = "rack0*:rack4*:&even:!rack07:!h0042*"
#: Ansible takes long enough to be measured by few.
TIMES = {"dtrctl": 11, "ansible": 3}


def write(path: Path) -> None:
    """Each host in a rack of a hundred, half of them `even`, with variables of host, group and all."""
    lines = ["all:", "  vars: {ansible_user: root, registry: 'registry.example:5000'}", "  children:"]
    for rack in range(GROUPS):
        lines += [f"    rack{rack:02}:", f"      vars: {{rack: {rack}, zone: z{rack % 7}}}", "      hosts:"]
        each = range(rack * HOSTS // GROUPS, (rack + 1) * HOSTS // GROUPS)
        lines += [f"        h{n:05}: {{ansible_host: 10.{n // 250 // 250}.{n // 250 % 250}.{n % 250 + 1}}}" for n in each]
    lines += ["    even:", "      hosts:", *(f"        h{n:05}: {{}}" for n in range(0, HOSTS, 2))]
    path.write_text("\n".join(lines) + "\n")


def run(bench: Bench) -> dict:
    home = bench.home("inv")
    path = home / "hosts.yml"
    write(path)
    jobs = {
        "list": ([bench.dtrctl, "inventory", "--list"], [bench.tool("ansible-inventory"), "--list"]),
        "pattern": ([bench.dtrctl, "hosts", PATTERN], [bench.tool("ansible"), PATTERN, "--list-hosts"]),
    }
    config = home / "ansible.cfg"
    config.write_text("[defaults]\n")
    environment = {**bench.environment(home), "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(config)}
    found: dict = {job: {who: [] for who in TIMES} for job in jobs}
    for turn in range(max(TIMES.values())):
        for job, commands in jobs.items():
            for who, command in zip(TIMES, commands, strict=True):
                if turn < TIMES[who]:
                    out = home / f"{job}.{who}"
                    timed = common.timed([*command, "-i", str(path)], environment, home / "log", out)
                    common.must(timed, f"{who}, {job}", home / "log")
                    found[job][who].append(timed.seconds)
    found["selected"] = compare(home)
    return found


def compare(home: Path) -> int:
    """Both have to have said the same; how many hosts the pattern selects."""
    if json.loads((home / "list.dtrctl").read_text()) != json.loads((home / "list.ansible").read_text()):
        raise SystemExit("dtrctl and ansible-inventory list different things")
    ours = (home / "pattern.dtrctl").read_text().split()
    if ours != (home / "pattern.ansible").read_text().split()[2:]:
        raise SystemExit("dtrctl and ansible select different hosts")
    return len(ours)


NAMES = {
    "list": "`dtrctl inventory --list`, `ansible-inventory --list`",
    "pattern": "`dtrctl hosts`, `ansible --list-hosts`",
}


def part(found: dict, job: str) -> float:
    return median(found[job]["ansible"]) / median(found[job]["dtrctl"])


def targets(found: dict) -> list[Target]:
    return [
        Target("read and listed: times faster than `ansible-inventory`", part(found, "list"), 50, " ×", least=True),
        Target("read and a pattern applied: times faster than `ansible`", part(found, "pattern"), 50, " ×", least=True),
    ]


def tables(found: dict) -> list[Table]:
    rows = [
        [NAMES[job], *(f"{number(median(found[job][who]))} s" for who in TIMES), f"{number(part(found, job))} ×"]
        for job in NAMES
    ]
    return [Table([f"{HOSTS:,} hosts", "dtrctl", "Ansible", "ratio"], rows)]
