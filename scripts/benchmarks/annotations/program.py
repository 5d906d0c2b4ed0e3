"""rrpo-eval as these checks call it, what was found to differ, and tables."""
import json
import subprocess
import sys
from pathlib import Path


def fail(code, problem):
    print(f"real_annotations: {problem}", file=sys.stderr)
    raise SystemExit(code)


class Program:
    """rrpo-eval, in a folder for its outputs; and what was found to differ."""

    def __init__(self, program, folder):
        self.program, self.folder, self.calls, self.differences = program, Path(folder), 0, []

    def expect(self, what, seen, expected):
        if seen != expected:
            self.differences.append(f"{what}: {seen}, not {expected}")

    def near(self, what, seen, expected, places=1):
        if seen is None or abs(seen - expected) > 0.50001 * 10 ** -places:
            self.differences.append(f"{what}: {seen}, not {expected}")

    def run(self, arguments, codes=(0,)):
        self.calls += 1
        out = self.folder / str(self.calls)
        command = [str(self.program), *map(str, arguments), "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode not in codes:
            fail(4, f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-600:]}")
        return out

    def convert(self, name, folder):
        out = self.run(["convert", name, "--from", folder, "--allow-missing"])
        return rows(out / "questions.jsonl"), json.loads((out / "convert.json").read_text(encoding="utf-8"))

    def score(self, questions, replies, scorers):
        """Scores and verdicts of `replies`, by scorer. A question without a reply has failed: exit 8."""
        files = self.folder / f"{self.calls}.questions.jsonl", self.folder / f"{self.calls}.predictions.jsonl"
        write_rows(files[0], questions)
        write_rows(files[1], [{"id": row["id"], "raw": replies(row)} for row in questions])
        codes = (8,) if any(replies(row) is None for row in questions) else (0,)
        call = ["score", "--questions", files[0], "--predictions", files[1], "scorers=" + json.dumps(scorers)]
        out = self.run(call, codes)
        verdicts = {name: {} for name in scorers}
        for row in rows(out / "verdicts.jsonl"):
            verdicts[row["scorer"]][row["id"]] = row["verdict"]
        return json.loads((out / "scores.json").read_text(encoding="utf-8")), verdicts


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def write_rows(path, values):
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")


def read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fail(4, f"{path}: {error}")


def percent(part, whole):
    return 100 * part / whole if whole else None


def text(value, places=1):
    return "-" if value is None else f"{value:.{places}f}" if isinstance(value, float) else str(value)


def table(head, lines):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head),
                      *("| " + " | ".join(map(text, line)) + " |" for line in lines)])


def revision(found):
    return f"{found['questions']} questions, {found['videos']} videos; revision: {found['revision']}."
