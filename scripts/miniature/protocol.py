"""What the miniature does, as values: seeds, conditions, methods with the settings that are tried, the runs of each group.

Everything that a number of the result depends on stands here or in data/toy/recipe; nothing here runs anything."""
import json
from dataclasses import dataclass

from files import read_json

BASES = (0, 1, 2, 3, 4)
RUN_SEEDS = (1, 2)
STYLE = "In this video, "
PER_SET = 160        # clips of a test or validation set
POOL = 400           # clips of a pool, six questions each
POOL_SIZES = (50, 100, 200, 400)
HELD_OUT = 60        # clips whose answers and pairs are scored token by token
FRAMES_PER_CLIP = 8
ANSWER_TOKENS = 40   # at most
TYPES = ("shape", "dir", "mcq", "order", "exist", "cap")
SIDES = ("chosen", "rejected")

# Seeds of clips. Sample i of a set depends on (seed, i) alone, so that a smaller pool is the beginning of a larger one.
# Base b: stills 1000 + b, clips 2000 + b, biased clips 3000 + b. Its pools: 9000 + 100 b + seed of the run; without
# counter-examples: + 50. Its held-out pairs: 9090 + 100 b. Nothing else uses these numbers.
SETS = {
    "check-stills": {"kind": "stills", "count": 100, "seed": 51},
    "validation-u": {"count": PER_SET, "seed": 52},
    "validation-b": {"count": PER_SET, "seed": 53, "distribution": "biased", "rho": 0.97},
    "test-u": {"count": PER_SET, "seed": 71},
    "test-b": {"count": PER_SET, "seed": 72, "distribution": "biased", "rho": 0.97},
}
VALIDATION = {"u": "validation-u", "b": "validation-b"}  # u: unbiased clips, b: biased ones
TEST = {"u": "test-u", "b": "test-b"}


def pool_seed(base, seed):
    return 9000 + 100 * base + seed


def biased_pool_seed(base, seed):
    return pool_seed(base, 50 + seed)


HELD_OUT_SEED = 90  # in the place of a run's


def held_out_seed(base):
    return pool_seed(base, HELD_OUT_SEED)


def manifest(bases=BASES, seeds=RUN_SEEDS):
    """Every seed of clips by what it is used for: no number occurs twice."""
    used = {f"evaluation {name}": {"seeds": [clips["seed"]], "count": clips["count"]} for name, clips in SETS.items()}
    used["base training, stills"] = {"seeds": [1000 + b for b in bases], "count": 6000}
    used["base training, clips"] = {"seeds": [2000 + b for b in bases], "count": 3000}
    used["base training, biased clips"] = {"seeds": [3000 + b for b in bases], "count": 1000}
    used["pools"] = {"seeds": [pool_seed(b, s) for b in bases for s in seeds], "count": max(POOL_SIZES)}
    used["pools without counter-examples"] = {"seeds": [biased_pool_seed(bases[0], s) for s in seeds], "count": POOL}
    used["held-out pairs"] = {"seeds": [held_out_seed(b) for b in bases], "count": HELD_OUT}
    return used


# What the videos of a pool go through before the model answers.
MASK = {"name": "mask", "area": [0.25, 0.5], "fill": "mean"}
LOCAL = {"name": "shuffle_local", "window": 4}
PERTURBATIONS = {
    "none": [], "mask": [MASK], "local": [LOCAL], "global": [{"name": "shuffle_global"}], "mask+local": [MASK, LOCAL],
}
PERTURBATION = "mask+local"

# What is left of the video, and of how many frames: the base is asked again without most of it.
WITHOUT_VIDEO = {
    "clean": ([], FRAMES_PER_CLIP), "blank": ([{"name": "blank", "share": [1, 1]}], FRAMES_PER_CLIP), "one_frame": ([], 1),
    "shuffled": ([{"name": "shuffle_global"}], FRAMES_PER_CLIP), "reversed": ([{"name": "reverse"}], FRAMES_PER_CLIP),
}


@dataclass(frozen=True)
class Condition:
    """How the two answers of a pair are written."""
    style: str     # words before the true answers
    rewrite: str   # gen.rewrite


CONDITIONS = {"main": Condition(STYLE, "slots"), "raw": Condition(STYLE, "raw"), "own": Condition("", "slots")}


@dataclass(frozen=True)
class Settings:
    """One objective with its numbers: a row of the table, or a list of terms."""
    lr: float
    objective: dict | list

    def arguments(self):
        return [f"optim.lr={self.lr:g}", f"objective={json.dumps(self.objective)}"]

    def as_json(self):
        if isinstance(self.objective, list):
            return {"lr": self.lr, "terms": self.objective}
        return {"lr": self.lr, **self.objective}

    @staticmethod
    def from_json(values):
        lr = values.pop("lr")
        return Settings(lr, values.get("terms", values))


def trials(objective, grid, *names):
    """Settings of one objective: a line of the grid is a learning rate and the values of `names`."""
    return [Settings(line[0], {**objective, **dict(zip(names, line[1:]))}) for line in grid]


# Eight trials for every method, tried on base 0 and the validation sets; the best sum of both accuracies is taken. The last
# two of each were added beyond the best of the first six, which for most methods lay at an edge.
TRIALS = {
    "sft": trials({"name": "sft"}, [(1e-3,), (2e-3,), (3e-3,), (4e-3,), (6e-3,), (8e-3,), (1e-2,), (1.2e-2,)]),
    "dpo": trials({"name": "dpo"},
                  [(1e-3, 1), (5e-4, 1), (2e-3, 1), (1e-3, 0.5), (1e-3, 2), (2e-3, 2), (3e-3, 1), (2e-3, 0.5)], "beta"),
    "tdpo": trials({"name": "tdpo", "variant": 2, "alpha": 0.5},
                   [(1e-3, 1), (5e-4, 1), (2e-3, 1), (1e-3, 0.5), (1e-3, 2), (2e-3, 2), (3e-3, 1), (2e-3, 0.5)], "beta"),
    "ddpo": trials({"name": "ddpo", "gamma": 3, "average": False},
                   [(1e-3, 1), (5e-4, 1), (2e-3, 1), (1e-3, 0.5), (1e-3, 0.3), (1e-3, 2), (3e-3, 1), (2e-3, 0.5)], "beta"),
    "dpa": trials({"name": "dpa"},
                  [(1e-3, 0.4), (5e-4, 0.4), (2e-3, 0.4), (1e-3, 0.1), (1e-3, 1), (2e-3, 1), (2e-3, 0.1), (1e-3, 0.03)],
                  "alpha"),
    "rrpo": trials({"name": "rrpo", "beta": 0.5},
                   [(1.5e-3, 0.05), (1e-3, 0.05), (2e-3, 0.05), (3e-3, 0.05), (1.5e-3, 0.02), (1.5e-3, 0.1), (2e-3, 0.02),
                    (3e-3, 0.02)], "alpha"),
    "rrpo_no_phrase": trials({"name": "rrpo", "phrase_rewards": False, "beta": 0.5},
                             [(1.5e-3, 0.05), (1e-3, 0.05), (2e-3, 0.05), (3e-3, 0.05), (1.5e-3, 0.02), (1.5e-3, 0.1),
                              (2e-3, 0.02), (1.5e-3, 0.01)], "alpha"),
    "rrpo_no_kl": trials({"name": "rrpo", "alpha": 0},
                         [(1.5e-3, 0.5), (1e-3, 0.5), (5e-4, 0.5), (1e-3, 1), (1e-3, 2), (2e-3, 2), (1e-3, 4), (1.5e-3, 2)],
                         "beta"),
}
# What stands beside the paper: a second clip in the pair, no reference, a sum of objectives. The same eight trials each.
RRPO_TUNED = {"alpha": 0.05, "beta": 0.5}  # as every trial of rrpo_other and rrpo_sft has them
TRIALS.update({
    "mdpo": trials({"name": "mdpo"},
                   [(1e-3, 1), (5e-4, 1), (2e-3, 1), (1e-3, 0.5), (1e-3, 2), (2e-3, 2), (3e-3, 1), (2e-3, 0.5)], "beta"),
    "vdpo": trials({"name": "vdpo"},
                   [(1e-3, 1), (5e-4, 1), (2e-3, 1), (1e-3, 0.5), (1e-3, 2), (2e-3, 2), (3e-3, 1), (2e-3, 0.5)], "beta"),
    "sympo": trials({"name": "sympo"},
                    [(1e-3, 1), (5e-4, 1), (2e-3, 1), (1e-3, 0.5), (1e-3, 2), (2e-3, 2), (3e-3, 1), (2e-3, 0.5)], "beta"),
    "simpo": trials({"name": "simpo"},
                    [(1e-3, 2), (5e-4, 2), (2e-4, 2), (2e-3, 2), (1e-3, 5), (5e-4, 5), (1e-3, 10), (5e-4, 10)], "beta"),
    "rrpo_other": trials({"name": "rrpo", **RRPO_TUNED},
                         [(1.5e-3, 1), (1e-3, 1), (2e-3, 1), (3e-3, 1), (1.5e-3, 0.3), (2e-3, 0.3), (1.5e-3, 2), (1.5e-3, 0.1)],
                         "other_weight"),
    "rrpo_sft": [Settings(lr, [{"name": "rrpo", **RRPO_TUNED}, {"name": "sft", "weight": weight}])
                 for lr, weight in ((1.5e-3, 0.1), (1e-3, 0.1), (2e-3, 0.1), (3e-3, 0.1), (1.5e-3, 0.03), (1.5e-3, 0.3),
                                    (2e-3, 0.03), (1.5e-3, 0.01))],
})
# What the second clip of a method's pairs is: the clip as it misled the model, or a twin that differs in one fact and has
# its own truth. Pairs that no twin decides are left out.
OTHER_CLIP = {"mdpo": "perturbed", "vdpo": "perturbed", "rrpo_other": "perturbed", "sympo": "twin"}
SECOND = ("mdpo", "vdpo", "sympo", "simpo", "rrpo_other", "rrpo_sft")
MAIN = ("sft", "dpo", "dpo_same_lr", "tdpo", "ddpo", "dpa", "rrpo", "rrpo_no_phrase", "rrpo_no_kl")
OTHER_CONDITIONS = ("sft", "dpo", "rrpo", "rrpo_no_phrase")
CONTROLS = ("rrpo", "swapped", "spans_shuffled", "no_counter_examples")
FILMED = ("rrpo", "dpo_same_lr")


def with_same_rate(chosen):
    """The chosen settings and DPO as it is usually run, at RRPO's learning rate."""
    return {**chosen, "dpo_same_lr": Settings(chosen["rrpo"].lr, {"name": "dpo", "beta": 0.1})}


UNCHANGED = {"perturbation": PERTURBATION, "pool": str(POOL), "control": "rrpo"}


@dataclass(frozen=True)
class Run:
    """One training and its measurement. `variant` names what is changed in the groups perturbation, pool and control."""
    group: str
    base: int
    seed: int
    method: str
    variant: str | None = None

    @property
    def other(self):
        """The second clip of its pairs."""
        return OTHER_CLIP.get(self.method, "none")

    @property
    def condition(self):
        return self.group if self.group in CONDITIONS else "main"

    @property
    def name(self):
        """Of its folders. What a group shows unchanged is the run of the group main."""
        if self.variant and self.variant == UNCHANGED[self.group]:
            return Run("main", self.base, self.seed, self.method).name
        words = [self.group, f"b{self.base}", f"s{self.seed}", self.method, self.variant]
        return "-".join(word for word in words if word)


def runs(bases=BASES, seeds=RUN_SEEDS):
    """Every run of the evidence, the main ones first."""
    out = [Run("main", b, s, m) for b in bases for s in seeds for m in MAIN]
    out += [Run("second", b, s, m) for b in bases for s in seeds for m in SECOND]
    out += [Run(group, b, seeds[0], m) for group in ("raw", "own") for b in bases for m in OTHER_CONDITIONS]
    for group, variants in (("perturbation", PERTURBATIONS), ("pool", POOL_SIZES), ("control", CONTROLS)):
        out += [Run(group, bases[0], s, "rrpo", str(v)) for v in variants for s in seeds]
    return out


def quick_runs():
    """A part of them that shows the same in minutes: base 0, one seed."""
    base, seed = BASES[0], RUN_SEEDS[0]
    return ([Run("main", base, seed, m) for m in MAIN] + [Run("second", base, seed, m) for m in SECOND] +
            [Run("raw", base, seed, m) for m in ("rrpo", "rrpo_no_phrase")] +
            [Run("control", base, seed, "rrpo", v) for v in ("swapped", "no_counter_examples")])


def recorded_settings(results):
    """What tuning chose when `results` was made; of a method that was not there then, the first trial."""
    recorded = read_json(results)["settings"]
    chosen = {method: Settings.from_json(values) for method, values in recorded.items()}
    return {**{method: tried[0] for method, tried in TRIALS.items()}, **chosen}
