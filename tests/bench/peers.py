"""The job by dtrctl, by its peers and by hand, on the same hosts in one run: interleaved, medians, ratios.

In each of its rounds a contender does the job on clean hosts (first), then some times over on hosts that are as desired by
then: with no connection open (cold), and again at once (warm). A ratio is the median of the rounds' own ratios: machines are
slower for minutes at a time, and within a round neighbours are a minute apart. Every other round goes backwards, so that
whoever is before another is behind them next. Who takes minutes has fewer rounds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from statistics import median

import common
from common import JOBS, Bench, Fleet, Table, Target, Timed, number

PHASES = ("first", "cold", "warm")


class Contender:
    """Somebody who does the job."""

    name = ""
    #: The name of its folder; paths of sockets have to be short.
    key = ""
    phases: tuple[str, ...] = PHASES
    #: Its part of the rounds, and how often it does the converged job in each.
    part, repeats = 1.0, 3

    def __init__(self, bench: Bench, fleet: Fleet) -> None:
        self.bench, self.fleet, self.forks = bench, fleet, bench.forks
        self.folder = bench.home(self.key)
        self.addresses = fleet.addresses

    def rounds(self) -> int:
        return max(1, round(self.bench.rounds * self.part))

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def close(self) -> None:
        """Ends the connections that a run has left open."""
        common.end_masters(self.folder)

    def forget(self) -> None:
        """Forgets what earlier runs have learnt of the hosts."""

    def warm_up(self) -> None:
        """Sees to it that connections are open."""

    def run(self) -> Timed:
        return common.timed(self.command(), {**os.environ, **self.environment()}, self.folder / "log")


class Floor(Contender):
    """One script over one plain `ssh` a host."""

    name = "floor: one script over one ssh"
    key = "floor"

    def script(self) -> Path:
        path = self.folder / "floor.sh"
        pem = (JOBS / "root.pem").read_text().strip()
        path.write_text(f"pem='{pem}'\n" + (JOBS / "floor.sh").read_text())
        return path

    def ssh(self, master: str) -> list[str]:
        path = f"ControlPath={self.folder}/run/%C"
        return ["ssh", "-F", self.fleet.ssh_config, "-o", f"ControlMaster={master}", "-o", path]

    def for_each(self, command: str) -> list[str]:
        hosts = " ".join(self.addresses)
        return ["sh", "-c", f"printf '%s\\n' {hosts} | xargs -P {self.forks} -I@ sh -c '{command}'"]

    def command(self) -> list[str]:
        return self.for_each(f"{' '.join(self.ssh('no'))} @ sh <{self.script()}")

    def warm_up(self) -> None:
        # -N -f with a master: one connection a host, with nobody in it.
        master = " ".join(self.ssh("yes"))
        subprocess.run(self.for_each(f"{master} -o ControlPersist=300 -N -f @ </dev/null >/dev/null 2>&1"), check=True)


class Dtrctl(Contender):
    name = "dtrctl"
    key = "dtrctl"
    playbook = "dtrctl.yml"

    def command(self) -> list[str]:
        return self.bench.apply(self.fleet, self.playbook)

    def environment(self) -> dict[str, str]:
        return self.bench.environment(self.folder)

    def forget(self) -> None:
        for name in ("cache", "state"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


class DtrctlOfAnsible(Dtrctl):
    """Ansible's own playbook, as it is."""

    name = "dtrctl, Ansible's playbook"
    key = "dtrctl-a"
    playbook = "ansible.yml"


class Pyinfra(Contender):
    name = "pyinfra"
    key = "pyinfra"
    #: Its connections end with it.
    phases = ("first", "cold")
    part, repeats = 0.67, 2

    def command(self) -> list[str]:
        inventory = self.folder / "inventory.py"
        data = {
            "ssh_user": "root",
            "ssh_port": self.fleet.port,
            "ssh_key": self.fleet.key,
            "ssh_known_hosts_file": self.fleet.known_hosts,
        }
        inventory.write_text(f"hosts = {[(address, data) for address in self.addresses]!r}\n")
        return [
            self.bench.tool("pyinfra"),
            "-y",
            "--parallel",
            str(self.forks),
            str(inventory),
            str(JOBS / "pyinfra_job.py"),
        ]


class Ansible(Contender):
    name = "ansible"
    key = "ansible"
    #: Connections are a small part of what it costs, as pipelining shows.
    phases: tuple[str, ...] = ("first", "cold")
    part, repeats = 0.0, 1
    settings: dict[str, str] = {}

    def command(self) -> list[str]:
        return [
            self.bench.tool("ansible-playbook"), "-i", self.fleet.inventory, "-f", str(self.forks),
            str(JOBS / "ansible.yml"),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        config = self.folder / "ansible.cfg"
        config.write_text("[defaults]\n")
        return {
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(config),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_SSH_ARGS": f"-F {self.fleet.ssh_config} -o ControlMaster=auto -o ControlPersist=300s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "run"),
            **self.settings,
        }


class Pipelining(Ansible):
    name = "ansible, pipelining"
    key = "pipelining"
    phases = PHASES
    settings = {"ANSIBLE_PIPELINING": "True"}


class Mitogen(Ansible):
    name = "ansible, mitogen"
    key = "mitogen"
    #: Its connections live in its own processes, and end with them.
    phases = ("first", "cold")

    def environment(self) -> dict[str, str]:
        [plugins] = self.bench.peers.glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy")
        return {
            **super().environment(),
            "ANSIBLE_STRATEGY_PLUGINS": str(plugins),
            "ANSIBLE_STRATEGY": "mitogen_linear",
        }


CONTENDERS = (Floor, Dtrctl, DtrctlOfAnsible, Pyinfra, Pipelining, Mitogen, Ansible)


def run(bench: Bench) -> dict:
    """Seconds, seconds of processor time and sessions a host, by contender and phase."""
    fleet = Fleet(bench.hosts)
    contenders = [kind(bench, fleet) for kind in CONTENDERS]
    found: dict = {c.key: {"name": c.name} for c in contenders}
    for turn in range(bench.rounds):
        for contender in contenders[:: -1 if turn % 2 else 1]:
            if turn < contender.rounds():
                contender.close()
                contender.forget()
                fleet.reset()
                for phase in ("first", *contender.phases[1:] * contender.repeats):
                    one = measure(contender, phase)
                    found[contender.key].setdefault(phase, []).append({"round": turn, **one})
                    say(turn + 1, contender, phase, one)
                contender.close()
    return {"hosts": bench.hosts, "forks": bench.forks, "contenders": found}


def measure(contender: Contender, phase: str) -> dict:
    fleet = contender.fleet
    if phase == "warm":
        contender.warm_up()
    else:
        contender.close()
    before = fleet.sessions()
    timed = common.must(contender.run(), f"{contender.name}, {phase}", contender.folder / "log")
    sessions = (fleet.sessions() - before) / len(fleet.addresses)
    fleet.verify(contender.name)
    return {**asdict(timed), "sessions": sessions}


def say(turn: int, contender: Contender, phase: str, one: dict) -> None:
    print(
        f"  {turn}/{contender.rounds()}  {contender.name:31} {phase:6} {one['seconds']:8.2f} s"
        f"  {one['cpu']:7.2f} s of controller's cpu  {one['sessions']:5.1f} sessions a host",
        flush=True,
    )


def middle(found: dict, key: str, phase: str, what: str = "seconds") -> float | None:
    runs = found["contenders"].get(key, {}).get(phase)
    return median(one[what] for one in runs) if runs else None


def ratio(found: dict, key: str, other: str, phase: str, other_phase: str | None = None) -> float | None:
    """How many times as long as another one takes, in the rounds that both have."""
    mine, theirs = by_round(found, key, phase), by_round(found, other, other_phase or phase)
    ratios = [mine[turn] / theirs[turn] for turn in mine.keys() & theirs.keys()]
    return median(ratios) if ratios else None


def by_round(found: dict, key: str, phase: str) -> dict[int, float]:
    runs: dict[int, list[float]] = {}
    for one in found["contenders"].get(key, {}).get(phase, []):
        runs.setdefault(one["round"], []).append(one["seconds"])
    return {turn: median(seconds) for turn, seconds in runs.items()}


def targets(found: dict) -> list[Target]:
    bounds = [
        ("first run", "first", {"floor": 1.05, "pyinfra": 1.3, "pipelining": 5}),
        ("converged, cold", "cold", {"floor": 1.10, "pyinfra": 1.4, "pipelining": 23}),
        ("converged, warm", "warm", {"floor": 0.7, "pyinfra": 15, "pipelining": 250}),
    ]
    found_targets = []
    for name, phase, by in bounds:
        for other, bound in by.items():
            # pyinfra keeps no connection: its converged run is the same whatever went before.
            phase_of = "cold" if (other, phase) == ("pyinfra", "warm") else phase
            if other == "floor":
                figure = ratio(found, "dtrctl", other, phase)
                what = f"{name}: dtrctl's time, as a multiple of the floor's"
            else:
                figure = ratio(found, other, "dtrctl", phase_of, phase)
                what = f"{name}: times faster than {found['contenders'][other]['name']}"
            if figure:
                found_targets.append(Target(what, figure, bound, " ×", least=other != "floor"))
    return found_targets


def tables(found: dict) -> list[Table]:
    times = Table(["", "first run", "converged, cold", "converged, warm", "runs"])
    costs = Table(["", "controller's CPU: first", "cold", "warm", "sessions a host: first", "cold", "warm"])
    for key, one in found["contenders"].items():
        counts = [str(len(one.get(phase, []))) for phase in PHASES]
        cells = [time_of(found, key, phase) for phase in PHASES]
        times.rows.append([one["name"], *cells, " + ".join(counts)])
        parts = [[middle(found, key, phase, what) for phase in PHASES] for what in ("cpu", "sessions")]
        costs.rows.append(
            [one["name"], *(f"{number(x)} s" if x else "–" for x in parts[0]), *(number(x) if x else "–" for x in parts[1])]
        )
    return [times, costs]


def time_of(found: dict, key: str, phase: str) -> str:
    """Median, and how many times as long as the floor it takes."""
    seconds, by_floor = middle(found, key, phase), ratio(found, key, "floor", phase)
    if seconds is None:
        return "–"
    return f"{number(seconds)} s" + (f" ({number(by_floor)} ×)" if by_floor and key != "floor" else "")
