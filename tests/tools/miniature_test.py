#!/usr/bin/env python3
"""scripts/miniature: scales, places of labels, the rules of the claims, figures, page and the section of docs/evidence.md.

    python3 tests/tools/miniature_test.py
"""
import contextlib
import copy
import io
import json
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "scripts" / "miniature"))
import claims  # noqa: E402
import figures  # noqa: E402
import film  # noqa: E402
import page  # noqa: E402
import readme_section  # noqa: E402
import svg  # noqa: E402
from labels import Box, place, spread  # noqa: E402
from names import VIDEOS, bracketed, number, ordered  # noqa: E402
from protocol import TYPES  # noqa: E402
from results import Results  # noqa: E402
from scales import Linear, Log, nice_step, rounded_bounds  # noqa: E402

# Unbiased accuracy, biased accuracy and divergence of each method; DPO and RRPO lie on top of each other on purpose.
METHODS = {"base": (60.0, 96.0), "rrpo": (86.9, 96.3, 0.81), "rrpo_no_phrase": (86.8, 96.5, 0.71),
           "rrpo_no_kl": (76.9, 82.6, 2.36), "dpo": (86.5, 91.8, 0.84), "dpo_same_lr": (64.9, 65.1, 4.81),
           "sft": (77.6, 86.8, 7.75)}
ALIGNED = {name: values for name, values in METHODS.items() if name != "base"}
BASES, SEEDS = range(5), (1, 2)


def accuracies(value):
    return {**{kind: value for kind in TYPES}, "mean": value}


def a_run(group, method, variant, base, seed, values):
    shift = 0.3 * base + 0.1 * seed
    return {"group": group, "base": base, "seed": seed, "method": method, "variant": variant, "pairs": 800 + seed,
            "u": accuracies(values[0] + shift), "b": accuracies(values[1] + shift), "unparsed": {"u": 1, "b": 0},
            "yes_rate": {"u": 50.0, "b": 51.0}, "kl_truth": values[2] + 0.01 * seed, "kl_own": values[2] / 2,
            "reward_accuracy": 93.0, "drift_chosen": 1.5, "drift_rejected": -6.0}


def a_summary(group, method, variant, values, interval):
    estimates = {}
    for metric, value in zip(("u", "b", "kl_truth"), values):
        ends = {"low": value - 0.4, "high": value + 0.4} if interval else {"low": None, "high": None,
                                                                           "spread": [value - 1, value + 1]}
        estimates[metric] = {"mean": value, **ends, "values": [value]}
    for metric, gain in zip(("gain_u", "gain_b"), (values[0] - METHODS["base"][0], values[1] - METHODS["base"][1])):
        estimates[metric] = {"mean": gain, "low": gain - 2, "high": gain + 2, "values": [gain]}
    return {"group": group, "method": method, "variant": variant, "bases": 5 if interval else 1, "seeds": 2,
            "metrics": estimates}


def results_data():
    trial = {"method": "rrpo", "settings": {"lr": 0.001}, "u": 86.0, "b": 96.0, "kl": 0.8, "chosen": True}
    data = {"machine": {"processor": "a <processor>", "threads": 1},
            "seeds": {"test": {"unbiased": [7, 8, 9], "biased": 50}},
            "settings": {"rrpo": {"lr": 0.001}}, "tuning": [trial],
            "bases": [{"base": base, "u": accuracies(60.0), "b": accuracies(96.0),
                       "without_video": {video: accuracies(30.0) for video in VIDEOS}} for base in BASES],
            "runs": [], "summary": [a_summary("main", "base", None, METHODS["base"], True)], "comparisons": []}
    for group in ("main", "raw", "own"):
        for method, values in ALIGNED.items():
            data["runs"] += [a_run(group, method, None, base, seed, values) for base in BASES for seed in SEEDS]
            data["summary"].append(a_summary(group, method, None, values, True))
    data["runs"] += [a_run("second", "mdpo", None, base, seed, METHODS["rrpo"]) for base in BASES for seed in SEEDS]
    data["summary"].append(a_summary("second", "mdpo", None, METHODS["rrpo"], True))
    data["comparisons"].append(comparison("mdpo", "dpo", "u", 6.5, 3.1, 9.9, "second"))
    for group, variants in (("pool", ("100", "50", "200")), ("perturbation", ("none", "mask")),
                            ("control", ("rrpo", "swapped"))):
        for variant in variants:
            data["runs"] += [a_run(group, "rrpo", variant, 0, seed, METHODS["rrpo"]) for seed in SEEDS]
            data["summary"].append(a_summary(group, "rrpo", variant, METHODS["rrpo"], False))
    data["comparisons"].append(comparison("rrpo", "dpo", "u", 6.5, 3.1, 9.9))
    return data


def comparison(a, b, metric, mean, low, high, group="main"):
    return {"group": group, "a": a, "b": b, "metric": metric, "mean": mean, "low": low, "high": high, "p": 0.0625}


def film_data():
    chosen = {"tokens": ["A", " square", " left", "⏎"], "marked": [0, 1, 2, 0]}
    rejected = {"tokens": ["A", " circle", " up", "⏎"], "marked": [0, 1, 2, 0]}
    pair = {"id": "p", "question": "Which </script> one?", "chosen": chosen, "rejected": rejected}
    frame = lambda step, scale: {"step": step, "pairs": [{"chosen": {"gain": [0, scale, 2 * scale, 0], "kl": [0.1] * 4},
                                                          "rejected": {"gain": [0, -scale, -3 * scale, 0],
                                                                       "kl": [0.2] * 4}}]}
    recorded = {"steps": [0, 5, 10], "pairs": [pair], "frames": [frame(step, step / 5) for step in (0, 5, 10)]}
    return {"base": 0, "methods": {"rrpo": recorded, "dpo_same_lr": copy.deepcopy(recorded)}}


class Scales(unittest.TestCase):
    def test_ends_of_a_scale_are_its_pixels(self):
        self.assertEqual([Linear(50, 100, 10, 110)(v) for v in (50, 75, 100)], [10, 60, 110])
        self.assertEqual([round(Log(0.1, 10, 300, 100)(v), 9) for v in (0.1, 1, 10)], [300, 200, 100])

    def test_ticks_are_round_and_inside(self):
        self.assertEqual(Linear(56, 91, 0, 1).ticks(5), [60, 70, 80, 90])
        self.assertEqual(Linear(0, 0.3, 0, 1).ticks(3), [0, 0.1, 0.2, 0.3])
        self.assertEqual(Log(0.4, 11, 0, 1).ticks(), [0.5, 1, 2, 5, 10])
        self.assertEqual(Log(0.8, 3.5, 0, 1).ticks(), [1, 1.5, 2, 3])

    def test_steps(self):
        self.assertEqual([nice_step(span, 5) for span in (5, 7, 20, 26)], [1, 2, 5, 10])

    def test_bounds_hold_every_value_and_are_never_empty(self):
        self.assertEqual(rounded_bounds([61, 88.2], 5), (60, 90))
        self.assertEqual(rounded_bounds([60, 60], 5), (60, 65))
        self.assertEqual(rounded_bounds([93, 101], 5, 0, 100), (90, 100))


class Labels(unittest.TestCase):
    def test_labels_of_a_cluster_do_not_overlap_and_stay_inside(self):
        points = [(200 + 6 * i, 150 + 4 * (i % 2)) for i in range(6)]
        frame = Box(0, 0, 400, 300)
        boxes = place(points, [(90, 15)] * 6, [], frame)
        self.assertEqual([(a, b) for a, b in combinations(boxes, 2) if a.overlap(b) > 0], [])
        self.assertEqual([box for box in boxes if box.outside(frame) > 0], [])

    def test_a_free_label_stands_right_of_its_point(self):
        self.assertEqual(place([(50, 50)], [(20, 10)], [], Box(0, 0, 200, 100), gap=5), [Box(55, 45, 75, 55)])

    def test_an_obstacle_moves_it_to_the_left(self):
        self.assertEqual(place([(50, 50)], [(20, 10)], [(Box(56, 40, 90, 60), 10)], Box(0, 0, 200, 100), gap=5),
                         [Box(25, 45, 45, 55)])

    def test_a_label_at_the_edge_turns_inwards(self):
        self.assertEqual(place([(195, 50)], [(20, 10)], [], Box(0, 0, 200, 100), gap=5), [Box(170, 45, 190, 55)])

    def test_spread_moves_only_what_collides(self):
        self.assertEqual(spread([10, 50, 52], 12, 0, 100), [10, 45, 57])
        self.assertEqual(spread([52, 10, 50], 12, 0, 100), [57, 10, 45])

    def test_spread_stays_within_its_bounds(self):
        self.assertEqual(spread([98, 99], 10, 0, 100), [90, 100])
        self.assertEqual(spread([1, 2], 10, 5, 100), [5, 15])


class Numbers(unittest.TestCase):
    def test_fixed_digits_and_a_real_minus(self):
        self.assertEqual([number(-3.14159, 2), number(-0.04), number(0.04, 1, True), number(2, 1, True), number(None)],
                         ["−3.14", "0.0", "0.0", "+2.0", "–"])

    def test_ends_stand_in_brackets(self):
        self.assertEqual([bracketed(1.26, (1, 1.5), 2), bracketed(-1, None)], ["1.26 [1.00, 1.50]", "−1.0"])

    def test_pixels(self):
        self.assertEqual([svg.px(v) for v in (3, 3.04, 3.25001, -0.01)], ["3", "3", "3.3", "0"])

    def test_order_is_that_of_the_table_then_by_number(self):
        self.assertEqual(ordered({"100", "50", "mask", "none"}, {"none": "", "mask": ""}), ["none", "mask", "50", "100"])


class Claims(unittest.TestCase):
    HIGHER = claims.Claim("A is better", "rrpo", "dpo", "u", +1)
    LOWER = claims.Claim("A is nearer", "rrpo", "dpo", "kl_truth", -1)

    def verdict(self, claim, low, high):
        return claims.verdict(comparison("rrpo", "dpo", claim.metric, (low + high) / 2, low, high), claim.better)

    def test_the_side_of_the_interval_decides(self):
        self.assertEqual([self.verdict(self.HIGHER, *interval) for interval in ((0.1, 2), (-1, 2), (-2, -0.1))],
                         [claims.HOLDS, claims.NOT_SEPARATED, claims.FAILS])
        self.assertEqual([self.verdict(self.LOWER, *interval) for interval in ((0.1, 2), (-1, 2), (-2, -0.1))],
                         [claims.FAILS, claims.NOT_SEPARATED, claims.HOLDS])

    def test_an_interval_that_touches_zero_contains_it(self):
        self.assertEqual(self.verdict(self.HIGHER, 0, 2), claims.NOT_SEPARATED)
        self.assertEqual(self.verdict(self.LOWER, -2, 0), claims.NOT_SEPARATED)

    def test_without_an_interval_nothing_is_said(self):
        self.assertEqual(claims.verdict(None, +1), claims.UNKNOWN)
        self.assertEqual(claims.verdict(comparison("rrpo", "dpo", "u", 5, None, None), +1), claims.UNKNOWN)

    def test_another_group_or_metric_or_the_other_way_round_is_not_taken(self):
        rows = [comparison("rrpo", "dpo", "u", 1, 0.5, 2, "raw"), comparison("rrpo", "dpo", "b", 1, 0.5, 2),
                comparison("dpo", "rrpo", "u", 1, 0.5, 2)]
        self.assertIsNone(claims.paired(rows, self.HIGHER))

    def test_numbers_are_in_the_sentence(self):
        row = comparison("rrpo", "dpo", "u", -6.5, -9.9, -3.1)
        finding = claims.Finding(self.HIGHER, claims.FAILS, claims.measured(row, self.HIGHER))
        self.assertEqual(claims.sentence(finding), "A is better: **does not reproduce**. Unbiased accuracy of RRPO is "
                                                   "6.5 points below that of tuned DPO (95 % interval −9.9 to −3.1, p = "
                                                   "0.062).")

    def test_a_small_p_is_not_zero(self):
        self.assertEqual([claims.chance(p) for p in (1e-5, 0.001, 0.0625)], [", p < 0.001", ", p = 0.001", ", p = 0.062"])

    def test_accuracy_is_to_rise_and_divergence_to_fall(self):
        self.assertEqual({(claim.metric, claim.better) for claim in claims.CLAIMS}, {("u", 1), ("b", 1), ("kl_truth", -1)})

    def test_every_claim_can_be_decided(self):
        rows = [comparison(c.a, c.b, c.metric, c.better, c.better - 0.5, c.better + 0.5, c.group) for c in claims.CLAIMS]
        self.assertEqual({finding.verdict for finding in claims.findings(rows)}, {claims.HOLDS})


class Holm(unittest.TestCase):
    def test_by_hand(self):
        self.assertEqual(claims.holm([0.04, 0.01, None, 0.03]), [0.06, 0.03, None, 0.06])
        self.assertEqual(claims.holm([0.6, 0.9]), [1.0, 1.0])

    def found(self, *rows):
        """Verdicts of the sentences whose differences are given as (mean, p), in their order."""
        ends = lambda mean, p: (None, None) if p is None else (mean - 1, mean + 1)
        comparisons = [{**comparison(c.a, c.b, c.metric, mean, *ends(mean, p), c.group), "p": p}
                       for c, (mean, p) in zip(claims.SECOND, rows)]
        return [finding.verdict for finding in claims.second_findings(comparisons)][:len(rows)]

    def test_the_corrected_p_and_the_side_decide(self):
        self.assertEqual(self.found((5, 0.001), (-5, 0.001), (5, 0.04), (5, 0.5)),
                         [claims.HOLDS, claims.OPPOSITE, claims.NULL, claims.NULL])

    def test_what_one_alone_would_say_is_not_said_among_many(self):
        self.assertEqual(self.found((5, 0.04)), [claims.HOLDS])
        self.assertEqual(self.found((5, 0.04), (5, 0.9)), [claims.NULL, claims.NULL])

    def test_nothing_is_said_where_nothing_was_measured(self):
        self.assertEqual(claims.second_findings([comparison("rrpo", "dpo", "u", 5, 4, 6)]), [])
        self.assertEqual(self.found((5, None)), [claims.UNKNOWN])


class SameSettings(unittest.TestCase):
    def test_names_the_trials_that_differ_in_the_kl_alone(self):
        trial = lambda method, kl, **settings: {"method": method, "settings": settings, "u": 80 + kl, "b": 90, "kl": kl}
        trials = [trial("rrpo", 1, lr=0.001, beta=2, alpha=0.1), trial("rrpo", 2, lr=0.001, beta=1, alpha=0.1),
                  trial("rrpo_no_kl", 3, lr=0.001, beta=1, alpha=0)]
        self.assertIn("divergence 2.00 and 3.00 nats per answer, unbiased accuracy 82.0 and 83.0 %",
                      claims.same_settings(trials))
        self.assertEqual(claims.same_settings(trials[:2]), "")


class Figures(unittest.TestCase):
    def setUp(self):
        self.results = Results(results_data())

    def test_every_figure_is_well_formed_and_its_text_inside(self):
        drawn = {**figures.draw_all(self.results), "film": film.static(film_data())}
        self.assertEqual(sorted(drawn), sorted(["film", *(figure.file for figure in figures.FIGURES)]))
        for name, text in drawn.items():
            root = ElementTree.fromstring(text)
            width, height = float(root.get("width")), float(root.get("height"))
            for node in root.iter("{http://www.w3.org/2000/svg}text"):
                long = len(node.text or "") * float(node.get("font-size", 12)) * svg.NARROW
                left = float(node.get("x")) - {"end": long, "middle": long / 2}.get(node.get("text-anchor"), 0)
                self.assertTrue(0 <= left and left + long <= width and 0 < float(node.get("y")) <= height,
                                f"{name}: {node.text}")

    def test_what_was_not_measured_is_not_drawn(self):
        data = results_data()
        for key in ("runs", "summary"):
            data[key] = [row for row in data[key] if row["group"] == "main"]
        for base in data["bases"]:
            base["without_video"] = {}
        self.assertEqual(sorted(figures.draw_all(Results(data))), ["divergence", "main", "types"])

    def test_runs_are_those_of_one_method_and_variant(self):
        self.assertEqual(len(self.results.runs("main", "sft")), len(BASES) * len(SEEDS))
        self.assertEqual(len(self.results.values("control", "rrpo", "u", "swapped")), len(SEEDS))
        self.assertAlmostEqual(self.results.by_type("sft", "u", "dir"), 77.6 + 0.3 * 2 + 0.1 * 1.5)

    def test_values_are_printed(self):
        self.assertIn(">86.9 [86.5, 87.3]<", figures.main_result(self.results))
        self.assertIn(">base 60.0<", figures.main_result(self.results))

    def test_the_base_line_is_of_the_bases_that_the_group_used(self):
        data = results_data()
        data["bases"][0]["u"]["mean"] = 50.0
        self.assertEqual((Results(data).base_of("pool", "u"), Results(data).base_of("main", "u")), (50.0, 58.0))


class Film(unittest.TestCase):
    def test_phrases_are_runs_of_one_mark(self):
        self.assertEqual(film.phrases([0, 1, 1, 2, 0, 1]), [[1, 2], [3], [5]])

    def test_margin_of_each_phrase(self):
        recorded = film_data()["methods"]["rrpo"]
        self.assertEqual(film.margins(recorded["pairs"][0], recorded["frames"][1]["pairs"][0]), [2.0, 5.0])

    def test_one_margin_where_phrases_do_not_match(self):
        recorded = film_data()["methods"]["rrpo"]
        recorded["pairs"][0]["rejected"]["marked"] = [0, 0, 1, 0]
        self.assertEqual(film.margins(recorded["pairs"][0], recorded["frames"][1]["pairs"][0]), [6.0])

    def test_thinned_keeps_the_ends(self):
        self.assertEqual(film.thinned(list(range(101)), 5), [0, 25, 50, 75, 100])
        self.assertEqual(film.thinned([1, 2], 5), [1, 2])

    def test_only_steps_that_every_method_has(self):
        data = film_data()
        del data["methods"]["rrpo"]["frames"][1]
        self.assertEqual(film.prepared(data)["steps"], [0, 10])

    def test_colour_is_white_at_nothing_and_full_at_the_limit(self):
        self.assertEqual([film.colour(gain, 10)[0] for gain in (0, 10, -10)], ["#ffffff", "#0072b2", "#b35806"])

    def test_text_cannot_end_its_script(self):
        part = film.interactive(film_data())
        self.assertEqual(part.count("</script>"), 2)
        embedded = re.search(r'id="film-data">(.*?)</script>', part, re.S).group(1)
        self.assertEqual(json.loads(embedded)["pairs"][0]["question"], "Which </script> one?")


class Written(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "results.json").write_text(json.dumps(results_data()))
        (self.folder / "film.json").write_text(json.dumps(film_data()))
        self.readme = self.folder / "README.md"
        self.readme.write_text("before\n" + "\n".join(readme_section.PART.marks) + "\nafter\n")

    def write_page(self):
        with contextlib.redirect_stdout(io.StringIO()):
            page.main(self.folder)
        return {file.name: file.read_bytes() for file in self.folder.iterdir() if file.suffix in (".svg", ".html")}

    def section(self, *flags):
        with mock.patch.object(sys, "argv", ["readme_section.py", str(self.folder), str(self.readme), *flags]):
            readme_section.main()

    def test_same_results_same_bytes(self):
        first = self.write_page()
        self.assertEqual(len(first), len(figures.FIGURES) + 2)
        self.assertEqual(first, self.write_page())

    def test_the_page_needs_nothing_else(self):
        text = self.write_page()["report.html"].decode()
        self.assertEqual(re.findall(r'(?:src|href)="(?!#)[^"]*"|url\(|@import', text), [])
        self.assertEqual(sorted(set(re.findall(r'href="#(\w+)"', text)) - set(re.findall(r'<h2 id="(\w+)"', text))), [])
        ids = re.findall(r'\bid="([\w-]+)"', text)
        self.assertEqual(len(ids), len(set(ids)))
        self.assertIn("a &lt;processor&gt;", text)
        self.assertIn("7–9", text)

    def test_the_section_stands_between_its_marks(self):
        self.section()
        text = self.readme.read_text()
        self.assertTrue(text.startswith("before\n" + readme_section.PART.marks[0])
                        and text.endswith(readme_section.PART.marks[1] + "\nafter\n"))
        self.assertIn("| RRPO | 86.9 [86.5, 87.3] | 96.3 [95.9, 96.7] | 0.81 [0.41, 1.21] |", text)
        self.assertIn("- More precise alignment than DPO: **holds**. ", text)
        self.assertIn("](divergence.svg)", text)
        self.section("--check")

    def test_check_fails_where_a_number_changed(self):
        self.section()
        self.readme.write_text(self.readme.read_text().replace("86.9", "88.8", 1))
        with self.assertRaisesRegex(SystemExit, "README.md:3: "):
            self.section("--check")

    def test_a_readme_without_its_marks_is_refused_and_kept(self):
        for text in ("no marks\n", "\n".join(reversed(readme_section.PART.marks)), "\n".join(readme_section.PART.marks * 2)):
            self.readme.write_text(text)
            with self.assertRaisesRegex(SystemExit, "fix: "):
                self.section()
            self.assertEqual(self.readme.read_text(), text)


if __name__ == "__main__":
    unittest.main()
