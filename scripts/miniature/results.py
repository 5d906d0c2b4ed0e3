"""results.json and the questions that figures and tables ask of it."""
from typing import NamedTuple

import intervals
from files import read_json
from names import CONDITIONS, METHODS, VARIANTS, ordered


class Estimate(NamedTuple):
    """low and high: a 95 % interval over bases where there is one; spread: least and greatest seed where there is none."""
    mean: float
    low: float | None = None
    high: float | None = None
    spread: list | None = None

    def interval(self):
        return None if self.low is None else (self.low, self.high)

    def range(self):
        return self.interval() or self.spread


def mean(values):
    """None of nothing."""
    return intervals.mean(values) if values else None


class Results:
    def __init__(self, data):
        self.data = data
        self.rows = {(row["group"], row["method"], row["variant"]): row for row in data["summary"]}

    def methods(self, group):
        """Of a group of runs, the base first."""
        return ["base", *ordered({method for of, method, _ in self.rows if of == group and method != "base"}, METHODS)]

    def variants(self, group):
        """{variant: method} in the order of their table."""
        found = {variant: method for of, method, variant in self.rows if of == group}
        return {variant: found[variant] for variant in ordered(found, VARIANTS.get(group, {}))}

    def groups(self):
        return [group for group in CONDITIONS if any(of == group for of, _, _ in self.rows)]

    def runs(self, group, method=None, variant=None):
        return [run for run in self.data["runs"] if run["group"] == group and
                method in (None, run["method"]) and variant in (None, run["variant"])]

    def values(self, group, method, clips, variant):
        """The accuracy of each run."""
        return [run[clips]["mean"] for run in self.runs(group, method, variant)]

    def estimate(self, group, method, metric, variant=None):
        """None where nothing was measured. The base of every group is that of main, and does not diverge from itself."""
        row = self.rows.get(("main", "base", None) if method == "base" else (group, method, variant))
        found = row["metrics"].get(metric) if row else None
        if found:
            return Estimate(found["mean"], found["low"], found["high"], found.get("spread"))
        return Estimate(0.0) if method == "base" and metric.startswith("kl_") else None

    def base_of(self, group, clips):
        """The accuracy of the bases that a group of runs started from."""
        used = {run["base"] for run in self.runs(group)}
        return mean([base[clips]["mean"] for base in self.data["bases"] if base["base"] in used])

    def by_type(self, method, clips, kind):
        rows = self.data["bases"] if method == "base" else self.runs("main", method)
        return mean([row[clips][kind] for row in rows])

    def without_video(self, video, kind):
        return mean([base["without_video"][video][kind] for base in self.data["bases"] if video in base["without_video"]])

    def counts(self, group="main"):
        """Number of bases and of seeds of a group."""
        runs = self.runs(group)
        return len({run["base"] for run in runs}), len({run["seed"] for run in runs})


def read(folder):
    return Results(read_json(folder / "results.json"))


def read_film(folder):
    file = folder / "film.json"
    return read_json(file) if file.exists() else None
