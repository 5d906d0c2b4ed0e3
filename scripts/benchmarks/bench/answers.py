"""Greedy answers, and several questions about one clip."""
import time
from functools import partial

import worlds
from common import Line, Unequal, package, run_program

import step_7b

TOKENS, CLIPS = 256, 4
LONG = 32  # frames of a clip that several questions are about


class Decoding:
    def __init__(self, context, tokens):
        self.world = worlds.world(context, tokens, 8192)
        self.rows, self.args = self.world.rows[:CLIPS], self.world.args
        self.questions = self.args.work / "questions.jsonl"
        self.questions.write_text(step_7b.lines_of(
            {"id": row["id"], "frames": row["frames"], "question": row["question"], "answer": "none", "format": "open"}
            for row in self.rows))

    def own(self, tokens):
        """(CPU seconds of rrpo-eval, answers)."""
        out = self.args.work / f"eval-{tokens}"
        seconds, _ = run_program(
            [self.args.bin / "rrpo-eval", "--out", out, "--overwrite", "--quiet", "device=cpu", "threads=1",
             f"model.path={self.args.work / 'model'}", "model.dtype=float32", f"eval.questions={self.questions}",
             f"eval.video_root={self.args.work / 'frames'}", f"eval.max_new_tokens={tokens}"])
        return seconds, [row["raw"] for row in step_7b.json_lines(out / "predictions.jsonl")]

    def theirs(self, tokens):
        torch, model, texts = package("torch"), self.world.model, []
        begin = time.process_time()
        with torch.no_grad(), self.world.adapted.disable_adapter():
            for row in self.rows:
                pixels = step_7b.pixels_of(row, self.args, self.args.work / "frames").unsqueeze(0)
                prompt = step_7b.prompt_of(self.world.text, row, self.args)
                ids = model.generate(input_ids=torch.tensor([prompt]), pixel_values_videos=pixels, max_new_tokens=tokens,
                                     min_new_tokens=tokens, do_sample=False)
                texts.append(self.world.text.tokenizer.decode(ids[0, len(prompt):].tolist()))
        return time.process_time() - begin, texts

    def token(self, side):
        return (side(1 + TOKENS)[0] - side(1)[0]) / (CLIPS * TOKENS)


def token_sides(context, tokens):
    decoding = Decoding(context, tokens)
    mine, theirs = decoding.own(1 + TOKENS)[1], decoding.theirs(1 + TOKENS)[1]
    for own, other in zip(mine, theirs):
        if step_7b.common_prefix(own, other) < 0.99:
            raise Unequal(f"greedy answers: {own[:60]!r} and {other[:60]!r}")
    return partial(decoding.token, decoding.own), {"transformers": partial(decoding.token, decoding.theirs)}


def question_sides(context, count):
    """K questions about one clip in one run against K times the one question; what a run begins with is taken off both."""
    world = worlds.world(context, 64, 8192, LONG)
    row, args = world.rows[0], world.args

    def run(questions):
        file, out = args.work / "several.jsonl", args.work / "several"
        file.write_text(step_7b.lines_of({"id": f"{i}", "frames": row["frames"], "question": f"Is object {i} seen last?",
                                          "answer": "Yes", "format": "yesno"} for i in questions))
        seconds, _ = run_program(
            [args.bin / "rrpo-eval", "--out", out, "--overwrite", "--quiet", "device=cpu", "threads=1",
             f"model.path={args.work / 'model'}", "model.dtype=float32", f"eval.questions={file}",
             f"eval.video_root={args.work / 'frames'}", "eval.max_new_tokens=2"])
        return seconds, {line["id"]: line["raw"] for line in step_7b.json_lines(out / "predictions.jsonl")}

    together = run(range(count))[1]
    for i in (0, count - 1):
        if run([i])[1][f"{i}"] != together[f"{i}"]:
            raise Unequal(f"question {i} has another answer alone")
    start = run_program([args.bin / "rrpo-eval", "--version"])[0]
    return lambda: run(range(count))[0] - start, {f"{count} runs": lambda: count * (run([0])[0] - start)}


def lines(quick):
    found = [Line(f"a token of an answer, {tokens * 8} visual tokens", f"{TOKENS} greedy tokens after the first, {CLIPS} clips",
                  partial(token_sides, tokens=tokens), targets={"transformers": 4.0}, repeats=3 if quick else 5)
             for tokens in ((16,) if quick else (16, 64))]
    for count in (6,) if quick else (3, 6, 18):
        found.append(Line(f"{count} questions about a clip", f"against as many single runs, {64 * LONG} visual tokens",
                          partial(question_sides, count=count), targets={f"{count} runs": 0.85 * count},
                          repeats=3 if quick else 5))
    return found
