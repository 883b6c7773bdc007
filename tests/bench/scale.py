"""A thousand hosts on one machine: what a host costs, how much memory, how many connections stay, and a bad tenth.

The hosts are as desired from the beginning: the first is made so, and its changes are spread over the others. What comes
of their number is the same either way, and first runs on a thousand hosts of one machine measure its disk.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import common
import peers
from common import Bench, Fleet, Proxy, Table, Target, number

FEW, MANY = 100, 1000
#: The hosts of which a tenth is bad.
MIXED = 300
#: Runs of the few before and behind the one of the many.
AROUND = 2
SLOW = 5
PLAYBOOK = "dtrctl.yml"


@dataclass
class Watched:
    """A run that was looked at on its way."""

    status: int = 0
    seconds: float = 0
    cpu: float = 0
    #: Of dtrctl itself, without its ssh: seconds of processor time, and the most memory in MiB.
    own_cpu: float = 0
    memory: float = 0
    #: Control sockets at their most, and ssh processes at the end.
    masters: int = 0
    masters_left: int = 0
    #: When each host was done.
    done: dict[str, float] = field(default_factory=dict)


def watch(command: list[str], environment: dict[str, str], home: Path) -> Watched:
    """Runs dtrctl; its events are read as they are written, and it is looked at twenty times a second."""
    seen, events = Watched(), home / "events"
    events.write_bytes(b"")
    begin, rest = time.monotonic(), b""

    def look(pid: int, stream) -> None:
        nonlocal rest
        now = time.monotonic() - begin
        *lines, rest = (rest + stream.read()).split(b"\n")
        for line in lines:
            if line.startswith(b'{"event":"host_finished","host":"'):
                seen.done[line.split(b'"')[7].decode()] = now
        seen.masters = max(seen.masters, sockets(home))
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return
        if "VmHWM:" in status:
            seen.memory = int(status.split("VmHWM:")[1].split()[0]) / 1024
            seen.own_cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    with open(home / "log", "wb") as log, open(events, "rb") as stream:
        child = subprocess.Popen([*command, "--events", str(events)], env=environment, stdout=log, stderr=log)
        while not os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            look(child.pid, stream)
            time.sleep(0.05)
        look(child.pid, stream)
        _, status, usage = os.wait4(child.pid, 0)
    seen.seconds, seen.cpu = time.monotonic() - begin, usage.ru_utime + usage.ru_stime
    seen.status = child.returncode = os.waitstatus_to_exitcode(status)
    seen.masters_left = len(common.ssh_processes(home))
    return seen


def sockets(home: Path) -> int:
    folder = home / "run" / "dtrctl"
    return sum("." not in entry.name for entry in os.scandir(folder)) if folder.is_dir() else 0


def run(bench: Bench) -> dict:
    home = bench.home("scale")
    fleet = Fleet(1)
    fleet.reset()
    first = common.timed(bench.apply(fleet, PLAYBOOK), bench.environment(home), home / "log")
    common.must(first, "the first host", home / "log")
    common.end_masters(home)
    fleet.call("spread")
    fleet = Fleet(MANY)
    return {"counts": counts(bench, fleet, home), "tenth": tenth(bench, fleet, home)}


def converged(bench: Bench, fleet: Fleet, home: Path, hosts: list[str], phase: str) -> dict:
    """A run on hosts that are as desired, with the hosts' facts known."""
    if phase == "cold":
        common.end_masters(home)
    inventory = fleet.write_inventory(home / f"{len(hosts)}.yml", hosts)
    seen = watch(bench.apply(fleet, PLAYBOOK, inventory), bench.environment(home), home)
    if seen.status != 0 or len(seen.done) != len(hosts):
        raise SystemExit(f"{len(seen.done)} of {len(hosts)} hosts: exit status {seen.status}\n{common.tail(home / 'log')}")
    said = [line.strip() for line in (home / "log").read_text().splitlines() if "connection" in line]
    one = {**{key: value for key, value in vars(seen).items() if key != "done"}, "said": said[:1]}
    print(
        f"  {len(hosts):5} hosts, {phase}: {seen.seconds:6.2f} s, {seen.cpu:6.2f} s of controller's cpu,"
        f" {seen.own_cpu:5.2f} s its own, {seen.memory:5.1f} MiB, {seen.masters} connections, {seen.masters_left} stay",
        flush=True,
    )
    return one


def counts(bench: Bench, fleet: Fleet, home: Path) -> dict:
    """The few, the many, and the few again; plain ssh beside both, as the machine itself does not stay the same."""
    names = list(fleet.hosts)
    print(f"  {MANY:5} hosts: their facts are learnt", flush=True)
    inventory = fleet.write_inventory(home / "all.yml", names)
    learning = common.timed(bench.apply(fleet, PLAYBOOK, inventory), bench.environment(home), home / "log")
    common.must(learning, "learning facts", home / "log")
    found: dict = {size: {"cold": [], "warm": [], "ssh": []} for size in ("few", "many")}

    def measure(size: str) -> None:
        hosts = names[: FEW if size == "few" else MANY]
        found[size]["cold"].append(converged(bench, fleet, home, hosts, "cold"))
        if size == "few":
            found[size]["warm"].append(converged(bench, fleet, home, hosts, "warm"))
        common.end_masters(home)
        found[size]["ssh"].append(plain_ssh(bench, fleet, hosts))

    for size in ["few"] * AROUND + ["many"] + ["few"] * AROUND:
        measure(size)
    return found


def plain_ssh(bench: Bench, fleet: Fleet, hosts: list[str]) -> dict:
    contender = peers.Floor(bench, fleet)
    contender.addresses = [fleet.hosts[name] for name in hosts]
    command = contender.for_each(f"{' '.join(contender.ssh('no'))} @ true </dev/null")
    timed = common.must(common.timed(command, dict(os.environ), contender.folder / "log"), "ssh", contender.folder / "log")
    print(f"  {len(hosts):5} hosts, ssh:  {timed.seconds:6.2f} s, {timed.cpu:6.2f} s of controller's cpu", flush=True)
    return {"seconds": timed.seconds, "cpu": timed.cpu}


def tenth(bench: Bench, fleet: Fleet, home: Path) -> dict:
    """When nine tenths are done, beside a bad tenth and alone. Of three bad hosts one is silent, one refuses, one lags."""
    names = list(fleet.hosts)[:MIXED]
    bad = names[4::10]
    silent, refusing, slow = bad[::3], bad[1::3], bad[2::3]
    good = [name for name in names if name not in bad]
    port = fleet.port + 2
    ports = {**dict.fromkeys(silent, port), **dict.fromkeys(refusing, port + 1)}
    mixed = fleet.write_inventory(home / "mixed.yml", names, ports)
    alone = fleet.write_inventory(home / "alone.yml", good)
    fleet.call("slow", str(SLOW), *(str(int(name[1:])) for name in slow))
    found: dict = {"hosts": len(names), "silent": len(silent), "refusing": len(refusing), "slow": len(slow)}
    with Proxy(port, fleet.port, [fleet.hosts[name] for name in silent], None):
        for what, inventory in (("alone", alone), ("mixed", mixed)):
            common.end_masters(home)
            seen = watch(bench.apply(fleet, PLAYBOOK, inventory), bench.environment(home), home)
            done = sorted(seen.done[name] for name in good)
            found[what] = {"status": seen.status, "seconds": seen.seconds, "good": done[-1], "each": done}
            print(f"  nine tenths, {what}: done after {done[-1]:.1f} s, all after {seen.seconds:.1f} s", flush=True)
    fleet.call("slow", "0", *(str(int(name[1:])) for name in slow))
    common.end_masters(home)
    return found


def per_host(found: dict, size: str, phase: str, what: str) -> float:
    """Milliseconds a host."""
    return median(one[what] for one in found["counts"][size][phase]) / (FEW if size == "few" else MANY) * 1000


def growth(found: dict, phase: str, what: str) -> float:
    return (per_host(found, "many", phase, what) / per_host(found, "few", phase, what) - 1) * 100


def targets(found: dict) -> list[Target]:
    many, tenths = found["counts"]["many"]["cold"], found["tenth"]
    slower = (tenths["mixed"]["good"] / tenths["alone"]["good"] - 1) * 100
    return [
        Target(f"{MANY:,} hosts: dtrctl's own memory", max(one["memory"] for one in many), 64, " MiB"),
        Target(f"{MANY:,} hosts: connections that stay open", max(one["masters_left"] for one in many), 128),
        Target("the report says so (lines)", min(len(one["said"]) for one in many), 1, least=True),
        Target(f"from {FEW} to {MANY:,} hosts: growth of seconds a host", growth(found, "cold", "seconds"), 5, " %"),
        Target(f"from {FEW} to {MANY:,} hosts: growth of CPU a host", growth(found, "cold", "cpu"), 5, " %"),
        Target("with a bad tenth: the others are done later by", slower, 5, " %"),
    ]


def tables(found: dict) -> list[Table]:
    costs = Table(["milliseconds a host, cold", f"{FEW} hosts", f"{MANY:,} hosts", "growth"])
    for phase, what, label in (
        ("cold", "seconds", "dtrctl: time"),
        ("cold", "cpu", "dtrctl and its ssh: CPU"),
        ("cold", "own_cpu", "dtrctl alone: CPU"),
        ("ssh", "seconds", "`ssh HOST true`: time"),
        ("ssh", "cpu", "`ssh HOST true`: CPU"),
    ):
        few, many = (number(per_host(found, size, phase, what)) for size in ("few", "many"))
        costs.rows.append([label, few, many, f"{growth(found, phase, what):+.0f} %"])
    use = Table(["dtrctl", "memory", "connections at most", "of which stay"])
    for size, count, phase in (("few", FEW, "cold"), ("few", FEW, "warm"), ("many", MANY, "cold")):
        runs = found["counts"][size][phase]
        memory, masters, left = (max(one[what] for one in runs) for what in ("memory", "masters", "masters_left"))
        use.rows.append([f"{count:,} hosts, {phase}", f"{number(memory)} MiB", str(masters), str(left)])
    one = found["tenth"]
    bad = Table([f"{one['hosts']:,} hosts, cold", "nine tenths are done", "the run has ended"])
    beside = f"beside {one['silent']} that say nothing, {one['refusing']} that refuse, {one['slow']} slow by {SLOW} s"
    for what, label in (("alone", "nine tenths alone"), ("mixed", beside)):
        bad.rows.append([label, *(f"{number(one[what][key])} s" for key in ("good", "seconds"))])
    return [costs, use, bad]
