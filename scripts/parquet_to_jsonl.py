#!/usr/bin/env python3
"""Makes JSON lines of a benchmark's parquet table: FILE.jsonl beside FILE.parquet, one row a line, lists as lists.

  python3 scripts/parquet_to_jsonl.py videomme/test-00000-of-00001.parquet
  python3 scripts/parquet_to_jsonl.py TempCompass/*/test-00000-of-00001.parquet

Known are the tables of Video-MME, Video-MME-v2, TempCompass and LongVideoBench. Exit: 0, 2 usage, 3 another table or a bad
one, 4 cannot write."""
import argparse
import json
import math
import os
import sys
from pathlib import Path

KNOWN = {
    "Video-MME-v2": {"video_id", "question_id", "question", "options", "answer", "group_type", "group_structure", "level",
                     "second_head", "third_head"},
    "Video-MME": {"video_id", "duration", "domain", "sub_category", "videoID", "question_id", "task_type", "question",
                  "options", "answer"},
    "TempCompass captioning": {"video_id", "question", "answer", "dim", "mc_question", "mc_answer"},
    "TempCompass": {"video_id", "question", "answer", "dim"},
    "LongVideoBench": {"video_id", "id", "question", "video_path", "duration", "duration_group", "question_category",
                       "option0", "option1"},
}


def fail(code, problem):
    print(f"parquet_to_jsonl: {problem}", file=sys.stderr)
    raise SystemExit(code)


def parquet_reader():
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        fail(4, "needs pyarrow; fix: python3 -m pip install pyarrow")
    return parquet


def table_name(columns, path):
    """Which table it is by its columns."""
    for name, needed in KNOWN.items():
        if needed <= columns:
            return name
    nearest = min(KNOWN, key=lambda name: len(KNOWN[name] - columns))
    lacking = ", ".join(sorted(KNOWN[nearest] - columns))
    fail(3, f"{path}: has the columns of no table known here; {nearest} would need {lacking}")


def plain(value, path, column):
    """The value as JSON has it. Arrow hands nested lists as lists; a number that is none becomes null."""
    if isinstance(value, (list, tuple)):
        return [plain(one, path, column) for one in value]
    if isinstance(value, dict):
        return {key: plain(one, path, column) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    fail(3, f"{path}: column {column} holds {type(value).__name__}, which JSON has no form for")


def convert(parquet, path, out):
    try:
        file = parquet.ParquetFile(path)
    except Exception as error:
        fail(3, f"{path}: is no parquet file: {str(error).splitlines()[0]}")
    name = table_name(set(file.schema_arrow.names), path)
    whole, done = file.metadata.num_rows, 0
    part = out.with_name(out.name + ".part")
    try:
        with open(part, "w", encoding="utf-8", newline="\n") as lines:
            for batch in file.iter_batches(batch_size=512):
                for row in batch.to_pylist():
                    row = {column: plain(value, path, column) for column, value in row.items()}
                    lines.write(json.dumps(row, ensure_ascii=False) + "\n")
                done += batch.num_rows
                print(f"\r{name}: {done} of {whole} rows", end="", file=sys.stderr, flush=True)
        os.replace(part, out)
    except OSError as error:
        fail(4, f"{out}: {error.strerror}")
    finally:
        part.unlink(missing_ok=True)
    print(f"\r{name}: {done} rows -> {out}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.parquet")
    parser.add_argument("--out", type=Path, help="where to write, if not beside the one file")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    options = parser.parse_args()
    if options.out and len(options.files) > 1:
        fail(2, "--out goes with one file")
    parquet = parquet_reader()
    for path in options.files:
        out = options.out or path.with_suffix(".jsonl")
        if not path.is_file():
            fail(3, f"{path}: is not there")
        if out.exists() and not options.force:
            fail(4, f"{out}: is there already; fix: --force, or another --out")
        convert(parquet, path, out)


if __name__ == "__main__":
    main()
