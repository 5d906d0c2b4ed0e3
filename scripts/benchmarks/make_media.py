#!/usr/bin/env python3
"""Writes stand-ins for published benchmarks, to try the whole way from a publisher's folder to a table without a download.

    python3 scripts/benchmarks/make_media.py OUT               all of them
    python3 scripts/benchmarks/make_media.py OUT tvbench mlvu  these

OUT/NAME/ is laid out as the publisher does it, OUT/NAME.expected.json holds what `rrpo-eval convert` must count in it. All
questions and clips are made up here; the publishers' oddities (answers among no candidates, missing files, …) are kept.
Needs ffmpeg. The same call writes the same bytes."""
import argparse
import importlib
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from releases.common import write_json  # noqa: E402

RELEASES = Path(__file__).resolve().parent / "releases"
NAMES = sorted(module.stem for module in RELEASES.glob("[a-z]*.py") if module.stem != "common")


def make(out, name):
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    expected = importlib.import_module(f"releases.{name}").make(folder)
    write_json(out / f"{name}.expected.json", expected)
    return expected


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT", type=Path)
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(NAMES))
    arguments = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        raise SystemExit("ffmpeg is not installed: apt-get install ffmpeg")
    unknown = [name for name in arguments.names if name not in NAMES]
    if unknown:
        parser.error(f"no release {unknown[0]}: {', '.join(NAMES)}")
    for name in arguments.names or NAMES:
        expected = make(arguments.out, name)
        print(f"{arguments.out / name}: {expected['questions']} questions, {expected['videos']} videos")


if __name__ == "__main__":
    main()
