#!/usr/bin/env python3
r"""Numbers that can be made from published annotations alone, without a video or a model: docs/real_annotations.md.

  python3 scripts/benchmarks/real_annotations.py build/rrpo-eval --tempcompass TempCompass --mlvu MLVU \
      --videohallucer VideoHallucer [--write docs/real_annotations.md | --check docs/real_annotations.md]

The folders are clones of llyx97/TempCompass, JUNJIE99/MLVU and patrick-tssn/VideoHallucer; each part can also be made alone,
then nothing can be written or checked. Converts, scores constant replies and TempCompass's published predictions, and
compares with what is known of them (the constants in annotations/), with letters counted in the annotations, and with the
publisher's own ratings. Prints a table a part. Exit: 0, 1 something differs, 2 a wrong call, 4 a file is absent, or the
program fails."""
import argparse
import sys
import tempfile
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from annotations.mlvu import mlvu  # noqa: E402
from annotations.program import Program, fail  # noqa: E402
from annotations.tempcompass import tempcompass  # noqa: E402
from annotations.videohallucer import videohallucer  # noqa: E402

HEAD = ("# Numbers from published annotations",
        "What annotation files alone let one check, without a video, a model or a judge: how many questions there are, what "
        "a constant reply scores, and whether our reading of TempCompass's published predictions is its publisher's. "
        "`scripts/benchmarks/real_annotations.py` writes this page with the built `rrpo-eval`, and does not where a number "
        "differs from what is known.")


def wrapped(part):
    return part if part.startswith(("|", "#")) else textwrap.fill(part, 125, break_long_words=False, break_on_hyphens=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", metavar="BIN", type=Path, help="rrpo-eval")
    parts = {"tempcompass": tempcompass, "mlvu": mlvu, "videohallucer": videohallucer}
    for name in parts:
        parser.add_argument("--" + name, metavar="FOLDER", type=Path)
    page = parser.add_mutually_exclusive_group()
    page.add_argument("--check", metavar="FILE", type=Path, help="fail where FILE says something else")
    page.add_argument("--write", metavar="FILE", type=Path)
    options = parser.parse_args()
    folders = {name: getattr(options, name) for name in parts if getattr(options, name)}
    if not folders or ((options.check or options.write) and len(folders) < len(parts)):
        parser.error("give --tempcompass, --mlvu or --videohallucer; a page needs all three")
    for path in (options.program, *folders.values()):
        if not path.exists():
            fail(4, f"{path}: is not there")
    with tempfile.TemporaryDirectory(prefix="rrpo-real-") as folder:
        program = Program(options.program.resolve(), folder)
        made = [part for name in folders for part in parts[name](program, folders[name].resolve())]
    content = "\n\n".join(map(wrapped, [*HEAD, *made])) + "\n"
    for difference in program.differences[:40]:
        print(f"real_annotations: {difference}", file=sys.stderr)
    if program.differences:
        fail(1, f"{len(program.differences)} numbers differ; nothing was written")
    if options.write:
        options.write.write_text(content, encoding="utf-8", newline="\n")
    elif options.check:
        if not options.check.is_file() or options.check.read_text(encoding="utf-8") != content:
            fail(1, f"{options.check}: says something else; fix: --write {options.check}")
    else:
        print(content, end="")


if __name__ == "__main__":
    main()
