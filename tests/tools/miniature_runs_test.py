#!/usr/bin/env python3
"""scripts/miniature: intervals, seeds, runs, controls, measured numbers and folders that are made once.

    python3 tests/tools/miniature_runs_test.py
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "scripts" / "miniature"))
import changed_pairs  # noqa: E402
import claims  # noqa: E402
import measure  # noqa: E402
import names  # noqa: E402
import protocol  # noqa: E402
import summary  # noqa: E402
from film_data import token_texts  # noqa: E402
from intervals import interval, t_quantile  # noqa: E402
from jobs import Failed, Workshop  # noqa: E402


class Intervals(unittest.TestCase):
    def test_quantiles_are_those_of_the_tables(self):
        for freedom, expected in ((1, 12.7062), (2, 4.30265), (3, 3.18245), (4, 2.77645), (9, 2.26216), (30, 2.04227)):
            self.assertAlmostEqual(t_quantile(0.975, freedom), expected, places=4)

    def test_interval_by_hand(self):
        centre, low, high, p = interval([1.0, 2.0, 3.0])
        self.assertAlmostEqual(centre, 2)
        self.assertAlmostEqual(high - centre, 4.30265 / 3 ** 0.5, places=4)
        self.assertAlmostEqual(centre - low, high - centre)
        self.assertAlmostEqual(p, 0.0742, places=4)  # t = 2 sqrt 3, two degrees of freedom

    def test_one_value_has_no_interval(self):
        self.assertEqual(interval([4.0]), (4.0, None, None, None))


class Protocol(unittest.TestCase):
    def test_no_seed_of_clips_is_used_twice(self):
        seeds = [seed for entry in protocol.manifest().values() for seed in entry["seeds"]]
        self.assertEqual(len(seeds), len(set(seeds)))

    def test_every_method_has_as_many_trials(self):
        self.assertEqual({len(trials) for trials in protocol.TRIALS.values()}, {8})

    def test_folders_are_shared_only_by_what_a_group_leaves_unchanged(self):
        runs = protocol.runs()
        shared = [run for run in runs if run.group != "main" and run.name.startswith("main-")]
        self.assertEqual({(run.group, run.variant) for run in shared},
                         {("perturbation", "mask+local"), ("pool", "400"), ("control", "rrpo")})
        self.assertEqual(len({run.name for run in runs}), len(runs) - len(shared))

    def test_a_quick_run_makes_a_part_of_all_runs(self):
        quick = protocol.quick_runs()
        self.assertEqual(set(quick) - set(protocol.runs()), set())
        self.assertEqual(len(quick), len(set(quick)))

    def test_what_a_group_leaves_unchanged_is_one_of_its_variants(self):
        found = {(run.group, run.variant) for run in protocol.runs() if run.variant}
        self.assertEqual(set(protocol.UNCHANGED.items()) - found, set())
        self.assertEqual({group for group, _ in found}, set(protocol.UNCHANGED))

    def test_everything_has_a_name_in_figures_and_tables(self):
        self.assertEqual(set(names.METHODS), {"base", *protocol.MAIN, *protocol.SECOND})
        self.assertEqual(set(names.CONDITIONS), set(protocol.CONDITIONS))
        self.assertEqual(set(names.VIDEOS), set(protocol.WITHOUT_VIDEO))
        self.assertEqual(set(names.VARIANTS["perturbation"]), set(protocol.PERTURBATIONS))
        self.assertEqual(set(names.VARIANTS["control"]), set(protocol.CONTROLS))

    def test_recorded_settings_are_read_as_they_were_written(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "results.json"
            wanted = protocol.with_same_rate({m: trials[1] for m, trials in protocol.TRIALS.items()})
            file.write_text(json.dumps({"settings": {m: s.as_json() for m, s in wanted.items()}}))
            read = protocol.recorded_settings(file)
        self.assertEqual({m: s.arguments() for m, s in read.items()}, {m: s.arguments() for m, s in wanted.items()})

    def test_a_method_that_was_not_recorded_has_its_first_trial(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "results.json"
            file.write_text(json.dumps({"settings": {"rrpo": {"lr": 0.002, "name": "rrpo", "alpha": 0.02}}}))
            read = protocol.recorded_settings(file)
        self.assertEqual(read["rrpo"], protocol.Settings(0.002, {"name": "rrpo", "alpha": 0.02}))
        self.assertEqual(read["mdpo"], protocol.TRIALS["mdpo"][0])

    def test_only_methods_of_the_second_group_see_another_clip(self):
        self.assertEqual(set(protocol.OTHER_CLIP) - set(protocol.SECOND), set())
        self.assertEqual({run.other for run in protocol.runs() if run.group != "second"}, {"none"})


class Controls(unittest.TestCase):
    def test_decided_pairs_have_a_truth_under_their_twin(self):
        pairs = [{"id": "a", "other_chosen": {"text": "No."}}, {"id": "b"}]
        self.assertEqual([pair["id"] for pair in changed_pairs.decided(pairs)], ["a"])

    PAIRS = [{"id": "a", "chosen": {"text": "It is rød, now.", "spans": [[6, 10]]},
              "rejected": {"text": "It is blue.", "spans": [[6, 10]]}},
             {"id": "b", "chosen": {"text": "one two", "spans": [[0, 3]]},
              "rejected": {"text": "one six", "spans": [[4, 7]]}}]

    def test_swapped(self):
        out = changed_pairs.swapped(self.PAIRS)
        self.assertEqual(out[0]["chosen"], self.PAIRS[0]["rejected"])
        self.assertEqual(out[0]["rejected"], self.PAIRS[0]["chosen"])

    def test_marks_of_another_pair_by_word(self):
        self.assertEqual(changed_pairs.touched(self.PAIRS[0]["chosen"]), [2])
        # The third word of two is the first again; offsets are bytes.
        self.assertEqual(changed_pairs.marked_at(self.PAIRS[1]["chosen"], [2])["spans"], [[0, 3]])
        self.assertEqual(changed_pairs.marked_at(self.PAIRS[0]["chosen"], [3])["spans"], [[12, 16]])

    def test_every_side_keeps_a_mark_and_the_texts(self):
        pairs = self.PAIRS * 10
        out = changed_pairs.spans_shuffled(pairs, 1)
        self.assertEqual([p["chosen"]["text"] for p in out], [p["chosen"]["text"] for p in pairs])
        self.assertTrue(all(p[side]["spans"] for p in out for side in protocol.SIDES))
        self.assertNotEqual(out, pairs)
        self.assertEqual(out, changed_pairs.spans_shuffled(pairs, 1))


def score_line(name, chosen, rejected):
    """`chosen` and `rejected`: (logp, ref_logp, kl) lists."""
    side = lambda values: dict(zip(("logp", "ref_logp", "kl"), values))
    return {"id": name, "chosen": side(chosen), "rejected": side(rejected)}


class Measured(unittest.TestCase):
    def test_divergence_by_hand(self):
        nothing = ([0.0], [0.0], [9.0])
        lines = [score_line("probe/cap/1", ([0], [0], [1.0, 2.0]), ([0], [0], [0.5])),
                 score_line("probe/cap/2", ([0], [0], [5.0]), ([0], [0], [1.5])),
                 score_line("same/mcq/3", ([0], [0], [0.25]), nothing),
                 score_line("pair/cap/4", ([-1.0, -2.0], [-2.0, -2.0], [0]), ([-3.0], [-1.0], [0])),
                 score_line("pair/mcq/5", ([-1.0], [0.0], [0]), ([-1.0], [-2.0], [0]))]
        found = measure.divergence(lines)
        self.assertEqual(found["kl_truth"], ((3 + 5) / 2 + 0.25) / 2)  # mean over types, not over answers
        self.assertEqual(found["kl_own"], (1.0 + 0.25) / 2)
        self.assertEqual(found["reward_accuracy"], 50)
        self.assertEqual(found["drift_chosen"], 0)
        self.assertEqual(found["drift_rejected"], -0.5)

    def test_probes_are_of_the_first_videos_and_count_empty_answers(self):
        question = lambda i, video: {"id": i, "video": video, "question": "?", "answer": "Yes.", "tags": {"type": "exist"}}
        questions = [question("1", "a"), question("2", "b"), question("3", "a"), question("4", "c")]
        said = [{"id": i, "raw": text} for i, text in (("1", "No."), ("2", " "), ("3", "Yes."), ("4", "No."))]
        rows, empty = measure.probe_rows(questions, said, "sets", 2)
        self.assertEqual([row["id"] for row in rows], ["probe/exist/1", "same/exist/3"])
        self.assertEqual(rows[0]["video"], "sets/a")
        self.assertEqual(empty, 1)

    def test_every_claim_is_compared(self):
        wanted = {(claim.group, claim.a, claim.b, claim.metric) for claim in claims.CLAIMS + claims.SECOND}
        self.assertEqual(wanted - set(summary.COMPARED), set())

    def test_only_methods_that_have_runs_are_compared(self):
        known = {(run.group, run.method) for run in protocol.runs()} | {("main", "base")}
        of_main = {("second", method) for group, method in known if group == "main"}
        self.assertEqual({(group, method) for group, a, b, _ in summary.COMPARED for method in (a, b)} - known - of_main,
                         set())

    def test_the_second_group_is_compared_with_the_main_one(self):
        values = {("main", "dpo"): {"u": [70.0, 72.0]}, ("second", "mdpo"): {"u": [75.0, 79.0]}}
        self.assertEqual(summary.comparison("second", "mdpo", "dpo", "u", values)["mean"], 6.0)
        self.assertEqual(summary.values_of(values, "raw", "dpo"), {})

    def test_summary_is_over_bases_and_paired(self):
        accuracy = lambda value: {"mean": value, "cap": 1.0}
        base = lambda number: {"base": number, "u": accuracy(50.0), "b": accuracy(90.0), "unparsed": {"u": 0, "b": 0},
                               "yes_rate": {"u": 50.0, "b": None}}
        run = lambda number, seed, method, u: {**base(number), "group": "main", "seed": seed, "method": method,
                                               "variant": None, "u": accuracy(u), "kl_truth": 1.0}
        runs = [run(0, 1, "rrpo", 80.0), run(0, 2, "rrpo", 82.0), run(1, 1, "rrpo", 71.0), run(1, 2, "rrpo", 71.0),
                run(0, 1, "dpo", 70.0), run(0, 2, "dpo", 70.0), run(1, 1, "dpo", 70.0), run(1, 2, "dpo", 70.0)]
        out = summary.summarise([base(0), base(1)], runs)
        rrpo = next(row for row in out["summary"] if row["method"] == "rrpo")
        self.assertEqual(rrpo["metrics"]["u"]["values"], [81.0, 71.0])
        self.assertEqual(rrpo["metrics"]["gain_u"]["mean"], 26.0)
        self.assertNotIn("yes_b", rrpo["metrics"])
        self.assertEqual((rrpo["bases"], rrpo["seeds"]), (2, 2))
        difference = next(c for c in out["comparisons"] if (c["b"], c["metric"]) == ("dpo", "u"))
        self.assertEqual(difference["mean"], 6.0)  # (11 + 1) / 2
        self.assertAlmostEqual(difference["high"] - 6, t_quantile(0.975, 1) * 5, places=3)

    def test_a_metric_that_one_run_lacks_is_left_out(self):
        per_base = {0: [{"u": 1.0, "yes_u": 50.0}, {"u": 2.0, "yes_u": None}], 1: [{"u": 4.0, "yes_u": 40.0}]}
        self.assertEqual(summary.value_rows(per_base), {"u": [1.5, 4.0]})

    def test_words_of_the_toy_tokenizer(self):
        texts = token_texts(ROOT / "data" / "toy" / "base" / "tokenizer.json")
        self.assertIn(" video", texts.values())
        self.assertIn("<|im_end|>", texts.values())


class Folders(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        root = Path(self.folder.name)
        program = root / "maker"  # maker WORD --out DIR --resume --quiet: appends the word to DIR/calls
        program.write_text('#!/bin/sh\n[ "$1" = fail ] && { echo "error: maker: no"; exit 3; }\n'
                           'mkdir -p "$3" && echo "$1" >>"$3/calls"\n')
        os.chmod(program, 0o755)
        self.shop = Workshop(root, root / "out", 2)
        self.shop.say = lambda text: None

    def calls(self, name):
        return (self.shop.out / name / "calls").read_text().split()

    def test_a_complete_folder_is_not_made_again(self):
        for _ in range(3):
            self.shop.folder("x", "maker", "one")
        self.assertEqual(self.calls("x"), ["one"])

    def test_an_interrupted_one_goes_on_and_another_command_starts_anew(self):
        self.shop.folder("x", "maker", "one")
        note = self.shop.out / "x.command.json"
        note.write_text(json.dumps({**json.loads(note.read_text()), "cpu_seconds": None}))
        self.shop.folder("x", "maker", "one")
        self.assertEqual(self.calls("x"), ["one", "one"])
        self.shop.folder("x", "maker", "two")
        self.assertEqual(self.calls("x"), ["two"])

    def test_two_workers_make_a_folder_once(self):
        self.shop.each("test", range(8), lambda i: self.shop.folder("x", "maker", "one"))
        self.assertEqual(self.calls("x"), ["one"])

    def test_a_failure_ends_everything_and_names_its_output(self):
        with self.assertRaisesRegex(Failed, "bad: exit 3: error: maker: no"):
            self.shop.each("test", [0], lambda i: self.shop.folder("bad", "maker", "fail"))
        self.assertIsNone(json.loads((self.shop.out / "bad.command.json").read_text())["cpu_seconds"])


class Script(unittest.TestCase):
    """What scripts/reproduce_miniature.sh answers before it sets anything up."""

    def answer(self, *arguments):
        done = subprocess.run([ROOT / "scripts" / "reproduce_miniature.sh", *arguments], capture_output=True, text=True,
                              timeout=30)
        return done.returncode, done.stdout, done.stderr

    def test_help_is_its_usage(self):
        code, said, errors = self.answer("--help")
        self.assertEqual((code, errors), (0, ""))
        for flag in ("--quick", "--update", "RRPO_JOBS"):
            self.assertIn(flag, said)
        self.assertNotIn("pipefail", said)

    def test_what_it_does_not_know_and_what_excludes_itself_is_refused(self):
        for arguments in (["--fast"], ["--quick", "--fast"], ["--quick", "--update"], ["--update", "--quick"]):
            code, said, errors = self.answer(*arguments)
            self.assertEqual((code, said), (2, ""))
            self.assertRegex(errors, r"\Areproduce_miniature: error: [^\n]*; fix: [^\n]*\n\Z")


if __name__ == "__main__":
    unittest.main()
