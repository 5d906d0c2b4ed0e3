"""results.json and the questions that figures and tables ask of it."""
import json
import statistics
from typing import NamedTuple

from names import CONDITIONS, METHODS, VARIANTS, ordered


class Estimate(NamedTuple):
    """low and high: a 95 % interval over bases where there is one; spread: least and greatest seed where there is none."""
    mean: float
    low: float | None = None
    high: float | None = None
    spread: tuple | None = None

    def range(self):
        return (self.low, self.high) if self.low is not None else self.spread


OF_RUN = {
    "u": lambda run: run["u"]["mean"], "b": lambda run: run["b"]["mean"],
    "yes_u": lambda run: run["yes_rate"]["u"], "yes_b": lambda run: run["yes_rate"]["b"],
    "unparsed_u": lambda run: run["unparsed"]["u"], "unparsed_b": lambda run: run["unparsed"]["b"],
}


def of_run(run, metric):
    return OF_RUN[metric](run) if metric in OF_RUN else run.get(metric)


def mean(values):
    return statistics.fmean(values) if values else None


class Results:
    def __init__(self, data):
        self.data = data
        self.rows = {(row["group"], row["method"], row["variant"]): row for row in data["summary"]}

    def methods(self, group):
        """Of a group of runs, the base first."""
        return ["base"] + ordered({g_m[1] for g_m in self.rows if g_m[0] == group and g_m[1] != "base"}, METHODS)

    def variants(self, group):
        return ordered({key[2] for key in self.rows if key[0] == group}, VARIANTS.get(group, {}))

    def groups(self):
        return [group for group in CONDITIONS if any(key[0] == group for key in self.rows)]

    def runs(self, group, method=None, variant=None):
        return [run for run in self.data["runs"] if run["group"] == group and
                method in (None, run["method"]) and variant in (None, run["variant"])]

    def values(self, group, method, metric, variant=None):
        """One per run."""
        found = (of_run(run, metric) for run in self.runs(group, method, variant))
        return [value for value in found if value is not None]

    def estimate(self, group, method, metric, variant=None):
        """None where nothing was measured. What the summary lacks is the mean over the runs, without an interval."""
        row = self.rows.get(("main", "base", None) if method == "base" else (group, method, variant))
        found = row["metrics"].get(metric) if row else None
        if found:
            return Estimate(found["mean"], found.get("low"), found.get("high"), found.get("spread"))
        if method == "base":
            return self.of_base(metric)
        average = mean(self.values(group, method, metric, variant))
        return None if average is None else Estimate(average)

    def of_base(self, metric):
        """The bases themselves: their divergence from themselves is nothing, and so is their gain."""
        if metric in ("u", "b"):
            return Estimate(mean([base[metric]["mean"] for base in self.data["bases"]]))
        return Estimate(0.0) if metric.startswith(("kl_", "gain_")) else None

    def base_of(self, group, metric):
        """The accuracy of the bases that a group of runs started from."""
        used = {run["base"] for run in self.runs(group)}
        return mean([base[metric]["mean"] for base in self.data["bases"] if base["base"] in used])

    def by_type(self, method, clips, kind):
        rows = self.data["bases"] if method == "base" else self.runs("main", method)
        return mean([row[clips][kind] for row in rows])

    def without_video(self, frames, kind):
        return mean([base["without_video"][frames][kind] for base in self.data["bases"]
                     if frames in (base.get("without_video") or {})])

    def comparisons(self):
        """Paired differences between methods, and behind them each method's gain over its base."""
        gains = [(key, metric, row["metrics"].get("gain_" + metric)) for key, row in self.rows.items()
                 for metric in ("u", "b") if key[2] is None]
        return self.data["comparisons"] + [{"group": group, "a": method, "b": "base", "metric": metric, **gain}
                                           for (group, method, _), metric, gain in gains if gain]

    def counts(self, group="main"):
        """Number of bases and of seeds of a group."""
        runs = self.runs(group)
        return len({run["base"] for run in runs}), len({run["seed"] for run in runs})


def read(folder):
    return Results(json.loads((folder / "results.json").read_text()))


def read_film(folder):
    file = folder / "film.json"
    return json.loads(file.read_text()) if file.exists() else None
