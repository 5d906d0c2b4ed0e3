#!/usr/bin/env python3
"""Takes the wording of TempCompass's judge out of a clone of llyx97/TempCompass (or pritamqu/RRPO, which has the same file).

  python3 scripts/benchmarks/judge_prompts.py CLONE OUT    writes OUT/{multi-choice,yes_no,caption_matching,captioning}.txt

`rrpo-eval … eval.judge_prompts=OUT` then asks in these words and says whether they are the published ones. Nothing of the
clone is run. Standard library only.
"""
import argparse
import ast
import sys
from pathlib import Path

PLACES = ["prompt_templates.py", "eval/tempcompass/prompt_templates.py"]
NAMES = {"multi_choice_evaluation_prompt": "multi-choice", "yes_no_evaluation_prompt": "yes_no",
         "caption_matching_evaluation_prompt": "caption_matching", "caption_evaluation_prompt": "captioning"}


def prompts_of(file):
    """{task: text}, byte for byte as the scripts send it."""
    found = {}
    for node in ast.parse(Path(file).read_text(encoding="utf-8")).body:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Name) and target.id in NAMES:
                found[NAMES[target.id]] = ast.literal_eval(node.value)
    missing = set(NAMES.values()) - set(found)
    if missing:
        sys.exit(f"{file}: has no prompt for {', '.join(sorted(missing))}")
    return found


def templates_in(clone):
    files = [Path(clone) / place for place in PLACES if (Path(clone) / place).is_file()]
    return files[0] if files else sys.exit(f"{clone}: holds neither {' nor '.join(PLACES)}; name a clone of TempCompass")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path, metavar="CLONE")
    parser.add_argument("out", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    texts = prompts_of(templates_in(arguments.clone))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for task, text in texts.items():
        (arguments.out / f"{task}.txt").write_bytes(text.encode())
        print(arguments.out / f"{task}.txt")


if __name__ == "__main__":
    main()
