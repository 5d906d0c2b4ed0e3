"""What every line of scripts/bench.sh shares: CPU seconds, runs by turns, medians of paired ratios, missing peers."""
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts" / "benchmarks"))  # step_7b, whose peer and files are used here


class Unequal(Exception):
    """The two sides do not compute the same."""


class Missing(Exception):
    """A peer is not there; the reason."""


@dataclass
class Context:
    """What a line may ask for: programs, a folder of its own, how many runs."""
    bin: Path
    work: Path
    quick: bool
    worker: "Worker" = field(repr=False, default=None)

    @property
    def repeats(self):
        return 3 if self.quick else 9

    def folder(self, name):
        path = self.work / name
        path.mkdir(parents=True, exist_ok=True)
        return path


@dataclass
class Line:
    """One row of the table. `sides(context)` gives (ours, {peer: call}); each call does the work once and returns its CPU
    seconds, or bytes. It raises Unequal before anything is timed, and Missing where there is no peer at all; a peer that alone is
    missing stands as a string in the place of its call."""
    name: str
    what: str
    sides: callable
    unit: str = "s"  # of what a call returns: s, or bytes
    targets: dict = field(default_factory=dict)  # ratio that is asked for, by peer
    repeats: int = 0                             # 0: the context's


def package(name):
    """A module, or Missing."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # a package may be there without a library that it loads
        raise Missing(f"{name}: {str(error).splitlines()[0] if str(error) else type(error).__name__}") from error


def or_missing(make):
    """A call, or the reason why there is none."""
    try:
        return make()
    except Missing as reason:
        return str(reason)


def cpu(call):
    """A call that returns the CPU seconds of this process that `call` took."""
    def timed():
        begin = time.process_time()
        call()
        return time.process_time() - begin
    return timed


def run_program(command, environment=None):
    """(CPU seconds, stdout) of a program and its children; ends the benchmark where it fails."""
    values = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=values) as child:
        out, errors = child.stdout.read(), child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nexit {child.returncode}: {errors.strip()}")
    return usage.ru_utime + usage.ru_stime, out


# A program's peak is no smaller than its parent's memory when it was started: a small parent starts it.
LAUNCHER = """import os, resource, sys
code = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)"""


def peak_bytes(command):
    """Peak memory of a program."""
    return 1024 * int(run_program([sys.executable, "-I", "-S", "-c", LAUNCHER, *command])[1].splitlines()[-1])


class Worker:
    """rrpo_bench: one line of JSON asks, one answers."""

    def __init__(self, program):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request, default=str) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"rrpo_bench ended with {self.process.wait()} at {request}")
        answer = json.loads(line)
        if "error" in answer:
            sys.exit(f"rrpo_bench: {answer['error']}")
        return answer

    def timed(self, **request):
        return lambda: self.ask(**request)["seconds"]


def by_turns(ours, peers, repeats):
    """Seconds of every side, `repeats` each, by turns; the order of the sides turns round as well."""
    sides = {"ours": ours, **{name: call for name, call in peers.items() if callable(call)}}
    seconds = {name: [] for name in sides}
    names = list(sides)
    for name in names:
        sides[name]()  # files in the page cache, code in memory
    for turn in range(repeats):
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            seconds[name].append(sides[name]())
    return seconds


def amount(value, unit):
    """A value for people."""
    if unit == "bytes":
        return f"{value / 1e6:.0f} MB"
    if value >= 10:
        return f"{value:.0f} s"
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.3g} ms"


def summary(seconds):
    return {"median": statistics.median(seconds), "min": min(seconds)}


def measure(line, context):
    """The row of a line, ready for JSON."""
    row = {"name": line.name, "what": line.what, "unit": line.unit, "targets": line.targets}
    try:
        ours, peers = line.sides(context)
    except Missing as reason:
        return {**row, "missing": {"peer": str(reason)}}
    repeats = line.repeats or context.repeats
    seconds = by_turns(ours, peers, repeats)
    ratios = {}
    for name in seconds:
        if name != "ours":
            paired = [peer / own for peer, own in zip(seconds[name], seconds["ours"])]
            ratios[name] = {"median": statistics.median(paired), "least": min(paired), "largest": max(paired),
                            "of_minima": min(seconds[name]) / min(seconds["ours"])}
    return {**row, "repeats": repeats, "seconds": {name: summary(values) for name, values in seconds.items()},
            "ratios": ratios, "missing": {name: why for name, why in peers.items() if isinstance(why, str)}}


def within(name, found, allowed):
    """Raises Unequal where a difference is larger than allowed, or is no number."""
    if not found <= allowed:
        raise Unequal(f"{name}: {found:.3g}, allowed {allowed:.3g}")
