#!/usr/bin/env python3
"""Writes tests/golden/events.tfevents: three steps as TensorBoard's own classes write them (pip install tensorboard).

    python3 scripts/oracles/events.py                writes the golden file
    python3 scripts/oracles/events.py --check        compares it
    python3 scripts/oracles/events.py --read FOLDER  what TensorBoard reads of the event files in FOLDER, as JSON: tag -> [[step, value], ...]
"""
import argparse
import io
import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "events.tfevents"
STEPS = [(1, 1.5, {"loss": 0.6931, "lr": 1e-6}), (2, 2.25, {"loss": -3.0}), (40000, 1.7e9, {"eval/accuracy": 1.0, "grad_norm": float("inf")})]


def golden():
    out = io.BytesIO()
    writer = RecordWriter(out)
    writer.write(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
    for step, time, scalars in STEPS:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        writer.write(Event(wall_time=time, step=step, summary=Summary(value=values)).SerializeToString())
    writer.flush()
    return out.getvalue()


def read(folder):
    events = EventAccumulator(folder, size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the golden file")
    parser.add_argument("--read", metavar="FOLDER", help="print the scalars of its event files")
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps(read(arguments.read)))
    elif arguments.check:
        return "tests/golden/events.tfevents differs" if golden() != GOLDEN.read_bytes() else 0
    else:
        GOLDEN.write_bytes(golden())
    return 0


if __name__ == "__main__":
    sys.exit(main())
