"""The folders of the miniature and how each is made: a run is followed here from clips to numbers."""
import json
from pathlib import Path

import changed_pairs
import measure
import protocol
from files import json_lines, lines_of
from film_data import film_of, token_texts

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "data" / "toy" / "base"
RECIPE = ROOT / "data" / "toy" / "recipe" / "align.json"
FRAMES = f"video.frames={protocol.FRAMES_PER_CLIP}"


def settings_of(values):
    """{"key": value} as arguments key=value."""
    return [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in values.items()]


class Miniature:
    """Each method makes one kind of folder and returns it; what it needs is made on the way."""
    pool_size = protocol.POOL
    held_out_clips = protocol.HELD_OUT

    def __init__(self, shop, bases, seeds):
        self.shop, self.bases, self.seeds = shop, bases, seeds

    # Base models and clips

    def base(self, number):
        """The shipped base is base 0: scripts/train_toy_base.sh made it from seed 0."""
        return SHIPPED if number == 0 else self.shop.out / "bases" / str(number) / "base"

    def train_base(self, number):
        if number == 0:
            return
        out = self.shop.out / "bases" / str(number)
        if not (out / "accuracies.md").exists():
            self.shop.script(f"base-{number}", "env", f"RRPO_BIN={self.shop.programs}",
                             ROOT / "scripts" / "train_toy_base.sh", out, number)
        self.shop.say(f"base {number}: done")

    def scenes(self, name, style, **values):
        name = f"scenes/{name}" if style else f"scenes/{name}-plain"
        return self.shop.folder(name, "rrpo-gen", "scenes", *settings_of(values), f"style={style}")

    def evaluation_set(self, name, style=protocol.STYLE):
        """Truths are written with the style, so that an answer is right with and without it."""
        return self.scenes(name, style, **protocol.SETS[name])

    def pool(self, base, seed, style, count):
        return self.scenes(f"pool-b{base}-s{seed}-{count}", style, seed=protocol.pool_seed(base, seed), count=count)

    def twinned_pool(self, base, seed, style, count):
        """The same clips, each with a twin that differs in one fact."""
        return self.scenes(f"pool-b{base}-s{seed}-{count}-twins", style, seed=protocol.pool_seed(base, seed), count=count,
                           twins=True)

    def pool_without_counter_examples(self, base, seed, style, count):
        return self.scenes(f"pool-b{base}-s{seed}-biased", style, seed=protocol.biased_pool_seed(base, seed), count=count,
                           distribution="biased", rho=1)

    # Pairs

    def generate(self, name, base, clips, rewrite, seed, perturbation, other="none"):
        return self.shop.folder(f"pairs/{name}", "rrpo-gen", f"model.path={self.base(base)}", FRAMES, "threads=1",
                                f"gen.questions={clips / 'questions.jsonl'}",
                                f"gen.max_new_tokens={protocol.ANSWER_TOKENS}", f"gen.rewrite={rewrite}",
                                f"gen.perturb={json.dumps(protocol.PERTURBATIONS[perturbation])}", f"seed={seed}",
                                *([f"gen.other={other}"] if other != "none" else []))

    def pairs(self, run):
        """The folder of clips and the file of pairs that a run trains on."""
        condition = protocol.CONDITIONS[run.condition]
        count = int(run.variant) if run.group == "pool" else self.pool_size
        perturbation = run.variant if run.group == "perturbation" else protocol.PERTURBATION
        biased = run.variant == "no_counter_examples"
        pool = self.pool_without_counter_examples if biased else self.twinned_pool if run.other == "twin" else self.pool
        clips = pool(run.base, run.seed, condition.style, count)
        name = f"b{run.base}-s{run.seed}-{run.condition}-{count}-{perturbation}" + ("-biased" if biased else "")
        name += "" if run.other == "none" else f"-{run.other}"
        made = self.generate(name, run.base, clips, condition.rewrite, run.seed, perturbation, run.other) / "pairs.jsonl"
        if run.other == "twin":
            made = self.shop.file(f"pairs/{name}-decided.jsonl", lines_of(changed_pairs.decided(json_lines(made))))
        if run.variant in ("swapped", "spans_shuffled"):
            made = self.shop.file(f"pairs/{name}-{run.variant}.jsonl", lines_of(changed(run, json_lines(made))))
        return clips, made

    def held_out(self, base, condition_name):
        """Clips and pairs that no run trains on, made as those of the condition."""
        condition = protocol.CONDITIONS[condition_name]
        clips = self.scenes(f"held-out-b{base}", condition.style, seed=protocol.held_out_seed(base),
                            count=self.held_out_clips)
        made = self.generate(f"held-out-b{base}-{condition_name}", base, clips, condition.rewrite, protocol.HELD_OUT_SEED,
                             protocol.PERTURBATION)
        return clips, json_lines(made / "pairs.jsonl")

    # Training and measuring

    def train(self, name, run, settings, *more):
        clips, pairs = self.pairs(run)
        return self.shop.folder(f"train/{name}", "rrpo-train", "--config", RECIPE, f"model.path={self.base(run.base)}",
                                f"data.pairs={pairs}", f"data.video_root={clips}", f"seed={run.seed}",
                                *settings.arguments(), *more)

    def evaluate(self, name, base, clips, adapter=None):
        return self.shop.folder(f"eval/{name}", "rrpo-eval", f"model.path={self.base(base)}", FRAMES, "threads=1",
                                f"eval.max_new_tokens={protocol.ANSWER_TOKENS}",
                                f"eval.questions={clips / 'questions.jsonl'}",
                                *([f"model.adapter={adapter}"] if adapter else []))

    def answers(self, name, base, clips, adapter=None):
        """The folders of evaluations by the set of clips."""
        return {key: self.evaluate(f"{name}-{key}", base, folder, adapter) for key, folder in clips.items()}

    def score(self, name, base, rows, adapter):
        file = self.shop.file(f"score/{name}.jsonl", lines_of(rows))
        return self.shop.folder(f"score/{name}", "rrpo-train", "score", f"model.path={self.base(base)}",
                                f"model.adapter={adapter}", f"data.pairs={file}", f"data.video_root={self.shop.out}",
                                "objective.name=dpo", "objective.beta=1", FRAMES, "train.micro_pairs=12",
                                "data.group_by_video=6", "train.sight=false")

    def divergence(self, name, run, adapter, unbiased, answers):
        """KL on true and own answers to the first clips of the unbiased set, and the fate of held-out pairs."""
        questions = json_lines(unbiased / "questions.jsonl")
        probes, empty = measure.probe_rows(questions, json_lines(answers / "predictions.jsonl"),
                                           unbiased.relative_to(self.shop.out), self.held_out_clips)
        clips, held_out = self.held_out(run.base, run.condition)
        rows = probes + measure.pair_rows(held_out, clips.relative_to(self.shop.out))
        scores = json_lines(self.score(name, run.base, rows, adapter) / "scores.jsonl")
        return {**measure.divergence(scores), "empty_answers": empty}

    def measured(self, run, settings, name, sets):
        """One run from its pairs to its numbers."""
        trained = self.train(name, run, settings)
        style = protocol.CONDITIONS[run.condition].style
        clips = {key: self.evaluation_set(clips_name, style) for key, clips_name in sets.items()}
        told = self.answers(name, run.base, clips, trained / "adapter")
        _, pairs = self.pairs(run)
        return {
            "pairs": len(json_lines(pairs)), "u": measure.accuracies(told["u"]), "b": measure.accuracies(told["b"]),
            **measure.readings(told), **self.divergence(name, run, trained / "adapter", clips["u"], told["u"]),
        }

    # The parts of the result

    def result(self, run, settings):
        row = {"group": run.group, "base": run.base, "seed": run.seed, "method": run.method, "variant": run.variant}
        return {**row, **self.measured(run, settings[run.method], run.name, protocol.TEST)}

    def base_result(self, number):
        clips = {key: self.evaluation_set(name) for key, name in protocol.TEST.items()}
        told = self.answers(f"base-b{number}", number, clips)
        return {
            "base": number, "u": measure.accuracies(told["u"]), **measure.readings(told),
            "b": measure.accuracies(told["b"]),
            "without_video": {how: self.without_video(number, how) for how in protocol.WITHOUT_VIDEO},
        }

    def without_video(self, number, how):
        """The base's accuracy on the unbiased set with less video."""
        steps, frames = protocol.WITHOUT_VIDEO[how]
        clips = self.evaluation_set(protocol.TEST["u"])
        folder = self.shop.folder(f"without/{how}-b{number}", "rrpo-gen", f"model.path={self.base(number)}", "threads=1",
                                  f"video.frames={frames}", f"gen.questions={clips / 'questions.jsonl'}",
                                  f"gen.max_new_tokens={protocol.ANSWER_TOKENS}", f"gen.perturb={json.dumps(steps)}",
                                  "gen.balance=false", "seed=1")
        return measure.asked_accuracies(folder, clips)

    def trial(self, item):
        """One setting of one method on base 0 and the validation sets."""
        method, number, settings = item
        group = "second" if method in protocol.SECOND else "main"
        run = protocol.Run(group, self.bases[0], self.seeds[0], method)
        row = self.measured(run, settings, f"tuning-{method}-{number}", protocol.VALIDATION)
        return {"method": method, "settings": settings.as_json(), "u": row["u"]["mean"], "b": row["b"]["mean"],
                "kl": row["kl_truth"]}

    def tune(self):
        """Every trial, and the chosen settings by method: the best sum of both accuracies, of equals the first."""
        items = [(method, i, s) for method, tried in protocol.TRIALS.items() for i, s in enumerate(tried)]
        rows = self.shop.each("tuning on validation clips", items, self.trial)
        best = {}
        for method in protocol.TRIALS:
            numbers = [i for i, item in enumerate(items) if item[0] == method]
            best[method] = max(numbers, key=lambda i: rows[i]["u"] + rows[i]["b"])
        rows = [{**row, "chosen": i in best.values()} for i, row in enumerate(rows)]
        return rows, protocol.with_same_rate({method: items[i][2] for method, i in best.items()})

    def film(self, settings):
        """Two methods at one learning rate, a few held-out pairs at every fifth step."""
        base, seed = self.bases[0], self.seeds[0]
        clips, held_out = self.held_out(base, "main")
        shown = measure.pair_rows(one_of_each_type(held_out), clips.relative_to(self.shop.out))
        texts = token_texts(SHIPPED / "tokenizer.json")
        methods = {}
        for method in protocol.FILMED:
            run = protocol.Run("main", base, seed, method)
            trained = self.train(f"film-{method}", run, settings[method], "train.save_every=5", "train.keep=1000")
            steps = sorted((trained / "checkpoints").glob("step-*"))
            scored = [(int(step.name.split("-")[1]),
                       self.score(f"film-{method}-{step.name}", base, shown, step / "adapter")) for step in steps]
            methods[method] = film_of(shown, scored, texts)
        return {"base": base, "methods": methods}


def changed(run, rows):
    """The pairs of a control."""
    return changed_pairs.swapped(rows) if run.variant == "swapped" else changed_pairs.spans_shuffled(rows, run.seed)


def one_of_each_type(pairs):
    """The first pair of each type in the order of protocol.TYPES."""
    first = {}
    for pair in pairs:
        first.setdefault(measure.type_of(pair), pair)
    return [first[t] for t in protocol.TYPES if t in first]
