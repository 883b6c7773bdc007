#!/usr/bin/env python3
"""Records Ansible's answers to the templates of templates.json anew, in place.

    python3 -m venv /tmp/ansible && /tmp/ansible/bin/pip install ansible-core==2.19.14
    /tmp/ansible/bin/python tests/conformance/record-templates.py

A case has a `template`, a `condition` (as in `when`) or a `file` (the text of a template file), and the name of a set of
variables. What is recorded is `expected`, the value, or `error`: Ansible has none. `refused` says that dtrctl has no value on
purpose, and names the reason; it is set by hand. Files that templates include lie in
templates/ beside this script.
"""

import json
import os
import signal
import sys
import warnings

warnings.simplefilter("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [path for path in sys.path if os.path.abspath(path or ".") != HERE]

from ansible.module_utils.common.text.converters import to_bytes  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402
from ansible.template import Templar, trust_as_template  # noqa: E402
from ansible.utils.display import Display  # noqa: E402

for quiet in ("warning", "deprecated", "_deprecated", "error_as_warning"):
    setattr(Display, quiet, lambda *args, **named: None)

FILE = os.path.join(HERE, "templates.json")


def trusted(value):
    """The value as a playbook's author would have written it."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, list):
        return [trusted(item) for item in value]
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    return value


def data(value):
    """The value as JSON has it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        value.encode()  # half a character is no data
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, (list, tuple)):
        return [data(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else json.dumps(key): data(item) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} is no data")


def answer(case, variables):
    templar = Templar(LOADER, trusted(variables))
    if "condition" in case:
        return templar.evaluate_conditional(trusted(case["condition"]))
    if "file" not in case:
        return data(templar.template(trusted(case["template"])))
    search = [os.path.join(HERE, "templates")]
    templar = templar.copy_with_new_env(searchpath=search, available_variables=trusted(variables))
    options = {"trim_blocks": True, **case.get("options", {})}
    value = templar.template(trust_as_template(case["file"]), escape_backslashes=False, overrides=options)
    return to_bytes("" if value is None else value).decode()


def stop(*_):
    raise TimeoutError


def record(case, variables):
    case.pop("expected", None)
    case.pop("error", None)
    signal.alarm(5)
    try:
        case["expected"] = answer(case, variables)
    except Exception:
        case["error"] = True
    finally:
        signal.alarm(0)


signal.signal(signal.SIGALRM, stop)
LOADER = DataLoader()
LOADER.set_basedir(HERE)
os.chdir(HERE)

with open(FILE, encoding="utf-8") as file:
    recorded = json.load(file)
for case in recorded["cases"]:
    record(case, recorded["vars"][case["vars"]])
with open(FILE, "w", encoding="utf-8") as file:
    file.write('{"ansible": "ansible-core 2.19.14",\n"vars": {\n')
    file.write(",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in recorded["vars"].items()))
    file.write('},\n"cases": [\n')
    file.write(",\n".join(json.dumps(case) for case in recorded["cases"]))
    file.write("\n]}\n")
