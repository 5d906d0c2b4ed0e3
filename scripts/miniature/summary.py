"""Runs to rows with intervals. The unit is the base model: a method's value on a base is the mean over its runs there; the
interval is Student's over bases. Rows of one base show the spread over seeds instead. Pure."""
from intervals import interval, mean


def digits(value):
    return None if value is None else round(value, 4)


def metrics_of(run, base):
    """The numbers of one run, flat. gap = biased - unbiased accuracy; unparsed = answers that could not be read."""
    u, b = run["u"]["mean"], run["b"]["mean"]
    values = {"u": u, "b": b, "gain_u": u - base["u"]["mean"], "gain_b": b - base["b"]["mean"], "gap": b - u,
              "cap_u": run["u"]["cap"]}
    for key in "ub":
        values[f"yes_{key}"] = run["yes_rate"][key]
        values[f"unparsed_{key}"] = run["unparsed"][key]
    for key in ("kl_truth", "kl_own", "reward_accuracy", "drift_chosen", "drift_rejected"):
        if key in run:
            values[key] = run[key]
    return values


def grouped(runs):
    groups = {}
    for run in runs:
        groups.setdefault((run["group"], run["method"], run["variant"]), []).append(run)
    return groups


def by_base(runs, bases):
    """{base: [metrics of each of its runs]} in the order of the bases."""
    out = {}
    for run in sorted(runs, key=lambda r: (r["base"], r["seed"])):
        out.setdefault(run["base"], []).append(metrics_of(run, bases[run["base"]]))
    return out


def value_rows(per_base):
    """{metric: [one value per base]} of the metrics that every run has: where no answer could be read there is no yes-rate."""
    runs = [run for runs_of in per_base.values() for run in runs_of]
    names = [name for name in runs[0] if all(run.get(name) is not None for run in runs)]
    return {name: [mean([run[name] for run in runs_of]) for runs_of in per_base.values()] for name in names}


def estimate(values, runs_values):
    """One metric: over bases with an interval; of one base with the spread over its runs."""
    centre, low, high, _ = interval(values)
    out = {"mean": digits(centre), "low": digits(low), "high": digits(high), "values": [digits(v) for v in values]}
    if len(values) == 1:
        out["spread"] = [digits(min(runs_values)), digits(max(runs_values))]
    return out


def summary_row(key, runs, bases):
    group, method, variant = key
    per_base = by_base(runs, bases)
    metrics = {name: estimate(values, [run[name] for runs_of in per_base.values() for run in runs_of])
               for name, values in value_rows(per_base).items()}
    return {"group": group, "method": method, "variant": variant, "bases": len(per_base),
            "seeds": max(len(runs_of) for runs_of in per_base.values()), "metrics": metrics}


def base_row(bases):
    """The base models themselves as a row of the group main."""
    runs = [{**base, "seed": 0} for base in bases.values()]
    return summary_row(("main", "base", None), runs, bases)


def values_of(values, group, method):
    """{metric: one value per base} of a method in a group; what the group second compares with may be of main."""
    found = values.get((group, method))
    return values.get(("main", method), {}) if found is None and group == "second" else found or {}


def comparison(group, a, b, metric, values):
    """Paired by base: a - b."""
    first, second = values_of(values, group, a)[metric], values_of(values, group, b)[metric]
    centre, low, high, p = interval([x - y for x, y in zip(first, second)])
    return {"group": group, "a": a, "b": b, "metric": metric, "mean": digits(centre), "low": digits(low),
            "high": digits(high), "p": None if p is None else float(f"{p:.3g}")}


# What the paper claims, as differences that could come out otherwise; and against every other method.
PAIRS = (
    ("main", "rrpo", ("base", "dpo", "dpo_same_lr", "sft", "tdpo", "ddpo", "dpa", "rrpo_no_phrase", "rrpo_no_kl")),
    ("main", "rrpo_no_phrase", ("rrpo_no_kl",)),
    ("raw", "rrpo", ("rrpo_no_phrase", "dpo", "sft")),
    ("own", "rrpo", ("sft", "dpo", "rrpo_no_phrase")),
    ("second", "mdpo", ("dpo",)),
    ("second", "vdpo", ("base", "dpo")),
    ("second", "sympo", ("dpo", "mdpo")),
    ("second", "simpo", ("dpo",)),
    ("second", "rrpo_other", ("rrpo", "mdpo")),
    ("second", "rrpo_sft", ("rrpo",)),
)
COMPARED = [(group, a, b, metric) for group, a, others in PAIRS for b in others
            for metric in ("u", "b", "kl_truth", "kl_own", "reward_accuracy")]


def summarise(base_rows, runs):
    """`summary` and `comparisons` of results.json."""
    bases = {base["base"]: base for base in base_rows}
    groups = grouped(runs)
    rows = [base_row(bases)] + [summary_row(key, members, bases) for key, members in groups.items()]
    values = {(row["group"], row["method"]): {k: m["values"] for k, m in row["metrics"].items()} for row in rows
              if row["variant"] is None}
    known = [(g, a, b, m) for g, a, b, m in COMPARED
             if m in values_of(values, g, a) and m in values_of(values, g, b)]
    return {"summary": rows, "comparisons": [comparison(g, a, b, m, values) for g, a, b, m in known]}
