"""Round trips: scripts as they are counted on the hosts, sessions as sshd counts them, and what far hosts make of them.

The formula is the design's, 1 + d + 2c: d is the longest chain of tasks whose text depends on an earlier answer of the same
host, c the tasks that change something. A host whose facts are not known yet costs one more.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from statistics import median

import common
from common import Bench, Fleet, Proxy, Table, Target, number

#: A round trip to hosts that are far away, in seconds.
FAR = 0.05
TIMES = 7


@dataclass
class Job:
    playbook: str
    name: str
    #: The longest chain, and how many tasks and handlers change something the first time.
    chain: int
    changes: int


JOBS = (
    Job("dtrctl.yml", "the job", 0, 2),
    Job("ansible.yml", "the job, Ansible's playbook", 1, 6),
    Job("ten.yml", "ten independent tasks", 0, 10),
)
HOSTS = 4


def run(bench: Bench) -> dict:
    fleet = Fleet(HOSTS)
    with fleet.recording():
        jobs = {job.playbook: count(bench, fleet, job) for job in JOBS}
    # The ten tasks are converged by now.
    return {"jobs": jobs, "far": far(bench, fleet)}


def count(bench: Bench, fleet: Fleet, job: Job) -> dict:
    """Scripts and sessions a host in each phase, and the trips that dtrctl itself reports."""
    fleet.reset()
    home = bench.home("trips")
    found = {}
    for phase in ("first", "cold", "warm"):
        if phase == "cold":
            common.end_masters(home)
        before = fleet.scripts(), fleet.sessions()
        events = home / "events"
        events.unlink(missing_ok=True)
        command = [*bench.apply(fleet, job.playbook), "--events", str(events)]
        common.must(common.timed(command, bench.environment(home), home / "log"), job.name, home / "log")
        recap = json.loads(events.read_text().splitlines()[-1])
        told = [host["trips"] for host in recap["hosts"].values()]
        # Beside each other on purpose: what dtrctl says has to be what has come there.
        found[phase] = {
            "scripts": (fleet.scripts() - before[0]) / HOSTS,
            "sessions": (fleet.sessions() - before[1]) / HOSTS,
            "told": sum(told) / HOSTS,
        }
    common.end_masters(home)
    return found


class Caller:
    """Calls one host, near or far, in the four ways that are compared."""

    def __init__(self, bench: Bench, fleet: Fleet, name: str, port: int) -> None:
        host = next(iter(fleet.hosts))
        self.home = bench.home(name)
        inventory = fleet.write_inventory(self.home / "hosts.yml", [host], {host: port})
        self.apply = bench.apply(fleet, "ten.yml", inventory)
        self.environment = bench.environment(self.home)
        self.ssh = ["ssh", "-F", fleet.ssh_config, "-p", str(port), "-o", f"ControlPath={self.home}/run/%C"]
        self.address = fleet.hosts[host]

    def call(self, command: list[str]) -> float:
        log = self.home / "log"
        return common.must(common.timed(command, self.environment, log), " ".join(command[:2]), log).seconds

    def call_script(self) -> float:
        """A script of nothing on standard input: what any program pays that does not put its script into an argument."""
        return self.call(["sh", "-c", f"echo : | {' '.join(self.ssh)} {self.address} sh"])

    def measure(self) -> dict[str, float]:
        common.end_masters(self.home)
        found = {"ssh, cold": self.call([*self.ssh, "-o", "ControlMaster=no", self.address, "true"])}
        opening = [*self.ssh, "-o", "ControlMaster=yes", "-o", "ControlPersist=60", "-N", "-f", self.address]
        begin = time.monotonic()
        subprocess.run(opening, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found["connecting"] = time.monotonic() - begin
        # What the first session of a connection waits for besides is no part of a round trip.
        self.call([*self.ssh, self.address, "true"])
        found["ssh, warm"] = self.call([*self.ssh, self.address, "true"])
        found["script, warm"] = self.call_script()
        found["dtrctl, cold"] = self.call(self.apply)
        found["dtrctl, warm"] = self.call(self.apply)
        common.end_masters(self.home)
        shutil.rmtree(self.home / "state")
        return found


def far(bench: Bench, fleet: Fleet) -> dict:
    """Seconds for one host, near and behind the proxy."""
    with Proxy(fleet.port + 1, fleet.port, fleet.addresses, FAR / 2) as proxy:
        callers = {"near": Caller(bench, fleet, "near", fleet.port), "far": Caller(bench, fleet, "far", proxy.port)}
        found: dict = {where: {} for where in callers}
        for caller in callers.values():
            # Facts are known from now on.
            caller.call(caller.apply)
        for _ in range(TIMES):
            for where, caller in callers.items():
                for what, seconds in caller.measure().items():
                    found[where].setdefault(what, []).append(seconds)
    return {where: {what: median(all_of) for what, all_of in by.items()} for where, by in found.items()}


def expected(job: Job, phase: str) -> int:
    """The formula; the first run does not know the facts."""
    return 1 + job.chain + (2 * job.changes + 1 if phase == "first" else 0)


def turns(found: dict, what: str) -> float:
    """What the distance adds, in round trips of the network: the work of host and controller is the same near and far."""
    return (found["far"]["far"][what] - found["far"]["near"][what]) / FAR


def targets(found: dict) -> list[Target]:
    counted = [
        Target(f"{job.name}, {phase}: trips a host", found["jobs"][job.playbook][phase]["scripts"], expected(job, phase))
        for job in JOBS
        for phase in ("first", "cold", "warm")
    ]
    phases = [one for by in found["jobs"].values() for one in by.values()]
    told = [abs(one["scripts"] - one["told"]) for one in phases]
    beyond = turns(found, "dtrctl, cold") - turns(found, "ssh, cold")
    return [
        *counted,
        Target("trips in the report beside those counted on the hosts: difference", max(told), 0),
        Target("sessions a host as sshd counts them, in any of these", max(one["sessions"] for one in phases), 1),
        Target("ten tasks, cold, far away: round trips beyond those of `ssh HOST true`", beyond, 2),
    ]


def tables(found: dict) -> list[Table]:
    counts = Table(["trips a host", "first run", "1 + d + 2c + 1", "converged, cold", "converged, warm", "1 + d"])
    for job in JOBS:
        phases = found["jobs"][job.playbook]
        counts.rows.append(
            [
                job.name,
                number(phases["first"]["scripts"]),
                str(expected(job, "first")),
                number(phases["cold"]["scripts"]),
                number(phases["warm"]["scripts"]),
                str(expected(job, "cold")),
            ]
        )
    distance = Table(["one host", "near", f"{FAR * 1000:.0f} ms away", "round trips"])
    names = {
        "connecting": "`ssh -N`: connecting alone",
        "ssh, cold": "`ssh HOST true`",
        "ssh, warm": "`ssh HOST true` through a control socket",
        "script, warm": "`ssh HOST sh <SCRIPT` through a control socket",
        "dtrctl, cold": "dtrctl, ten converged tasks, cold",
        "dtrctl, warm": "dtrctl, ten converged tasks, warm",
    }
    for what, name in names.items():
        near, away = (found["far"][where][what] * 1000 for where in ("near", "far"))
        distance.rows.append([name, f"{number(near)} ms", f"{number(away)} ms", number(turns(found, what))])
    return [counts, distance]
