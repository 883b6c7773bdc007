"""Writes what a run of ansible-playbook did, one line a thing, to the file that CONFORMANCE_ANSWER names."""

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: answer
type: stdout
short_description: the answer of one conformance scenario
description: Writes outcomes by host and the recap, without times and paths.
"""

COUNTS = ("ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored")
SPOKEN = {"debug": ("ok", "changed"), "fail": ("failed", "ignored"), "assert": ("ok", "failed", "ignored")}


def bare(action):
    """The module's short name."""
    return action.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "answer"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.hosts = {}
        self.items = {}
        self.handlers = set()
        self.names = {}
        self.gathered = {}
        self.failed_changes = {}

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.names[task._uuid] = bare(task.name or task.action)

    def v2_playbook_on_handler_task_start(self, task):
        self.handlers.add(task._uuid)
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_item_on_ok(self, result):
        self.item(result, "changed" if result.result.get("changed") else "ok")

    def v2_runner_item_on_failed(self, result):
        self.item(result, "failed")

    def v2_runner_item_on_skipped(self, result):
        self.item(result, "skipped")

    def v2_runner_on_ok(self, result):
        self.whole(result, "changed" if result.result.get("changed") else "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.whole(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_skipped(self, result):
        self.whole(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self.whole(result, "unreachable")

    def item(self, result, outcome):
        label = result.result.get("_ansible_item_label", "")
        shown = label if isinstance(label, (str, int)) and not isinstance(label, bool) else "…"
        host = result.host.get_name()
        key = (host, result.task._uuid)
        self.items.setdefault(key, []).append((f" [{shown}]", outcome, self.spoken(result, outcome)))

    def whole(self, result, outcome):
        """A loop's items are its lines; they failed as the whole did: ignored or not. A meta task has no line."""
        host = result.host.get_name()
        if outcome == "ignored" and result.result.get("changed"):
            self.failed_changes[host] = self.failed_changes.get(host, 0) + 1
        if bare(result.task.action) == "meta":
            return
        if self.name(result.task) == "Gathering Facts":
            self.gathered[host] = self.gathered.get(host, 0) + 1
            return
        if outcome == "unreachable":
            self.hosts.setdefault(host, []).append(outcome)
            self.write([])
            return
        items = self.items.pop((host, result.task._uuid), None)
        lines = items or [("", outcome, self.spoken(result, outcome))]
        for label, each, spoken in lines:
            if each == "failed" and outcome == "ignored":
                each = "ignored"
            self.hosts.setdefault(host, []).append(f"{self.name(result.task)}{label}: {each}{spoken}")
        self.write([])

    def name(self, task):
        name = self.names.get(task._uuid) or bare(task.name or task.action)
        return f"handler {name}" if task._uuid in self.handlers else name

    def spoken(self, result, outcome):
        """What was said, of modules whose task it is to say something; an error's wording is no answer."""
        task = result.task
        if outcome not in SPOKEN.get(bare(task.action), ()):
            return ""
        answer = result.result
        variable = task.args.get("var")
        said = answer.get(variable) if variable in answer else answer.get("msg", answer.get("censored"))
        return " " + json.dumps(said, ensure_ascii=False)

    def v2_playbook_on_stats(self, stats):
        recap = []
        for host in sorted(stats.processed):
            summary = stats.summarize(host)
            counts = summary | {"failed": summary["failures"]}
            counts["ok"] -= self.gathered.get(host, 0)
            counts["changed"] -= self.failed_changes.get(host, 0)
            shown = [f"{count}={counts[count]}" for count in COUNTS if counts[count]]
            recap.append(" ".join([f"recap {host}:", *shown]))
        self.write(recap)

    def write(self, recap):
        """After each task, as a run that ends with an error has no recap."""
        lines = [f"{host}: {line}" for host in sorted(self.hosts) for line in self.hosts[host]]
        with open(os.environ["CONFORMANCE_ANSWER"], "w", encoding="utf-8") as file:
            file.writelines(line.replace("\n", "\\n") + "\n" for line in lines + recap)
