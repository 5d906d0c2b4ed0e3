#!/usr/bin/env python3
"""Writes tests/golden/scorers/*.json: what the original scoring scripts make of hostile replies, for the C++ tests.

    python3 scripts/oracles/scorers.py --repositories DIR             DIR has the clones that scorers_sources.json names
    python3 scripts/oracles/scorers.py --repositories DIR --check     computes everything again and compares
    python3 scripts/oracles/scorers.py --table                        how often the scorers disagree, for docs/scorers.md

Any Python 3.10+, nothing to install. Rows and replies are our own (scorers_rows.py, scorers_replies.py). Per row and scorer
there is one word per reply: a letter for the verdict (r right, w wrong, u unparsed, d dropped, g drawn at random, j unjudged),
then the keys that were read. A script says right or not right. Of a reply that is not, the key that was read is the first one
for which the same script says right with that option as the truth; a reply without such a key is unparsed, and so is one at
which the script ends with an error.
"""

import argparse
import itertools
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import scorers_choices as choices  # noqa: E402
import scorers_groups as groups  # noqa: E402
import scorers_others as others  # noqa: E402
from scorers_originals import SOURCES, Draw, Folder, Judge  # noqa: E402
from scorers_replies import replies, scene_replies  # noqa: E402
from scorers_rows import ROWS  # noqa: E402

GOLDEN = Path(__file__).resolve().parent.parent.parent / "tests" / "golden" / "scorers"
SHARE = 2  # each row with options gets every second form; a benchmark has several


def word(scorer, row, reply):
    try:
        return scorer(row, reply)
    except Judge:
        return "j"
    except Draw:
        return "g"
    except Exception:  # noqa: BLE001: whatever ends their script
        return "u"


def scorers_of(folder):
    """benchmark -> scorer -> function."""
    out = {name: {} for name in ROWS}
    for scorer in ("official", "rrpo", "rrpo_longvu", "lmms", "vlmeval"):
        for benchmark, function in getattr(choices, scorer)(folder).items():
            out[benchmark][scorer] = function
    out["tempcompass"] = others.tempcompass_scorers(folder)
    theirs = others.videohallucer(folder, "VideoHallucer", "evaluations/evaluation_utils.py")
    copied = others.videohallucer(folder, "RRPO", "eval/videohallucer/evaluation_utils.py")
    out["videohallucer"] = {"official": theirs, "rrpo": copied, "rrpo_longvu": copied}
    copied = others.vidhalluc(folder, "RRPO", "eval/vidhalluc/")
    out["vidhalluc"] = {
        "official": others.vidhalluc(folder, "VidHalluc", "eval/evaluation/"),
        "rrpo": copied,
        "rrpo_longvu": copied,
    }
    out["videomme_v2"] = groups.videomme_v2(folder)
    out["eventhallusion"] = groups.eventhallusion(folder)
    out["elvhalluc"] = groups.elvhalluc(folder)
    return out


def compute(folder):
    """File name -> what it holds."""
    out = {}
    for benchmark, scorers in scorers_of(folder).items():
        rows = []
        for number, row in enumerate(ROWS[benchmark]):
            said = replies(row, number, SHARE)
            verdicts = {name: " ".join(word(scorer, row, reply) for reply in said) for name, scorer in scorers.items()}
            rows.append({"row": row, "replies": said, "verdicts": verdicts})
        sources = SOURCES.items()
        used = {name: source["commit"] for name, source in sources if source.get("only", benchmark) == benchmark}
        out[benchmark] = {"sources": used, "rows": rows}
    out["groups"] = groups.groups(folder)
    out["helpers"] = {"scenes": others.scenes(folder, scene_replies()), "judges": others.judges(folder)}
    return out


def text_of(content):
    """One row a line."""
    if "rows" not in content:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
    rows = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in content["rows"])
    return f'{{"sources":{json.dumps(content["sources"])},"rows":[\n{rows}\n]}}\n'


def table():
    """Markdown: per benchmark the replies, those on which scorers disagree about being right, and the worst pair."""
    print("| benchmark | rows | replies | some disagree | most, between two |\n| --- | --- | --- | --- | --- |")
    for benchmark in ROWS:
        rows = json.loads((GOLDEN / f"{benchmark}.json").read_text(encoding="utf-8"))["rows"]
        names = list(rows[0]["verdicts"])
        right = {name: [one[0] == "r" for row in rows for one in row["verdicts"][name].split(" ")] for name in names}
        count, some = len(right[names[0]]), sum(len(set(column)) > 1 for column in zip(*right.values()))
        pairs = {
            pair: sum(a != b for a, b in zip(right[pair[0]], right[pair[1]])) for pair in itertools.combinations(names, 2)
        }
        worst = max(pairs, key=pairs.get, default=None)  # some have one scorer of others only
        most = (
            f"{pairs[worst]} ({100 * pairs[worst] / count:.0f} %), `{worst[0]}` and `{worst[1]}`"
            if worst and pairs[worst]
            else "0"
        )
        print(f"| {benchmark} | {len(rows)} | {count} | {some} ({100 * some / count:.0f} %) | {most} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", "--repositories-source", metavar="DIR", help="a folder with the clones")
    parser.add_argument("--check", action="store_true", help="compare with the files that are there")
    parser.add_argument(
        "--table", action="store_true", help="print the table of docs/scorers.md from the files that are there"
    )
    options = parser.parse_args()
    if options.table:
        table()
        return
    if not options.repositories:
        parser.error("--repositories DIR is needed")
    files = {f"{name}.json": text_of(content) for name, content in compute(Folder(options.repositories)).items()}
    differ = [
        name
        for name, text in files.items()
        if not (GOLDEN / name).exists() or (GOLDEN / name).read_text(encoding="utf-8") != text
    ]
    if options.check:
        if differ:
            sys.exit(f"other verdicts than those in {GOLDEN}: {', '.join(differ)}")
        print(f"{len(files)} files of verdicts are as the originals give them")
        return
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
    size = sum(len(text.encode()) for text in files.values())
    print(f"{len(files)} files, {size} bytes, {len(differ)} of them new or changed")


if __name__ == "__main__":
    main()
