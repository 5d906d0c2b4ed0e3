#!/usr/bin/env python3
"""Measures sampling 16 frames of a ten-minute clip: by the groups of pictures that hold them, and by decoding everything.

    ninja -C build read_frames
    python3 scripts/benchmarks/seek.py [--build build] [--runs 5] [--frames 16] [--minutes 10] [VIDEO ...]

CPU seconds of one thread, medians of interleaved runs in one process, opening and listing the packets included. Before
anything is timed the bytes must be equal. Without a VIDEO, ffmpeg makes three clips of 640x360 pixels at 25 frames a second:
H.264 with a key frame every ten seconds (x264's default), every two seconds (as streaming services), and with open groups,
where decoding can begin at the first picture alone.
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIPS = {"key frame every 10 s": ["-g", "250"], "key frame every 2 s": ["-g", "50"],
         "open groups of 2 s": ["-g", "50", "-x264-params", "open-gop=1"]}


def make(file, options, minutes):
    """A moving test picture with grain, whose predicted pictures have something to predict."""
    source = f"testsrc2=size=640x360:rate=25:duration={60 * minutes},noise=alls=6:allf=t"
    subprocess.run(["ffmpeg", "-y", "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "veryfast",
                    "-pix_fmt", "yuv420p", *options, str(file)], check=True)


class Reader:
    def __init__(self, program, file, frames):
        self.process = subprocess.Popen([program, file, str(frames)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, way):
        self.process.stdin.write(f"{way}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"the reader ended: {self.process.wait()}")
        return json.loads(answer)


def measure(label, file, arguments):
    reader = Reader(arguments.build / "tests/read_frames", file, arguments.frames)
    if len({reader.run(way)["hash"] for way in ("whole", "groups")}) != 1:
        sys.exit(f"{label}: the frames differ")
    seconds = {"whole": [], "groups": []}
    for _ in range(arguments.runs):
        for way, taken in seconds.items():
            taken.append(reader.run(way)["seconds"])
    whole, groups = (statistics.median(seconds[way]) for way in ("whole", "groups"))
    print(f"{label:22} everything {whole:7.3f} s ({arguments.frames / whole:7.1f} frames/s)   groups {groups:7.3f} s "
          f"({arguments.frames / groups:7.1f} frames/s)   {whole / groups:5.1f} x")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path, help="instead of the three clips")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--minutes", type=int, default=10)
    arguments = parser.parse_args()
    for video in arguments.videos:
        measure(video.name, video, arguments)
    if arguments.videos:
        return
    with tempfile.TemporaryDirectory() as folder:
        for label, options in CLIPS.items():
            file = Path(folder) / "clip.mp4"
            make(file, options, arguments.minutes)
            measure(label, file, arguments)


if __name__ == "__main__":
    main()
