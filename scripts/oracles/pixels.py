#!/usr/bin/env python3
"""Writes tests/golden/pixels.json, tests/fixtures/{bframes.mp4,turned.mp4,tagged.mp4,vp8.webm} and tests/fixtures/pictures/: what Pillow, numpy and
PyAV make of pictures, frame numbers and clips. The C++ tests compare with it. Pictures are integer formulas that both sides compute (see `picture`).

Run it with any Python 3.10+: it makes its own virtual environment .venv-oracle beside the sources when one is missing.
Clips and picture files are made only when they are not there (another x264 gives other bytes); --clips makes them anew.
"""
import argparse
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ["Pillow==11.2.1", "numpy==2.4.6", "av==18.1.0"]
FIXTURES = ROOT / "tests" / "fixtures"

# height, width, to height, to width, seed
RESIZES = [(96, 96, 96, 96, 1), (96, 96, 48, 48, 2), (96, 96, 384, 384, 3), (37, 53, 24, 24, 4), (53, 37, 64, 96, 5),
           (1, 200, 1, 31, 6), (200, 1, 31, 1, 7), (1, 17, 20, 20, 8), (240, 426, 96, 96, 9), (426, 240, 96, 96, 10),
           (96, 100, 96, 33, 11), (100, 96, 33, 96, 12), (2, 2, 7, 5, 13), (720, 1280, 384, 384, 14)]
NORMALS = {"siglip": ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5], 1 / 255),
           "clip": ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711], 1 / 255),
           "rounded": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 0.00392156862745098)}
WANTED = [1, 2, 3, 7, 8, 16, 32, 64, 100]
LARGEST_TOTAL = 700


def picture(height, width, seed):
    """uint8 [height, width, 3]: smooth in places, sharp in others, the same integers in C++."""
    import numpy as np
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    value = x * 31 + y * 17 + c * 101 + seed * 7 + (x * x + 3 * y * y + x * y * seed) // 8
    return (value.astype(np.int64) & 255).astype(np.uint8)


def crc(array):
    return zlib.crc32(array.tobytes())


def resize_cases():
    import numpy as np
    from PIL import Image
    for height, width, to_height, to_width, seed in RESIZES:
        source = picture(height, width, seed)
        small = np.asarray(Image.fromarray(source).resize((to_width, to_height), Image.BICUBIC))
        yield {"height": height, "width": width, "to_height": to_height, "to_width": to_width, "seed": seed,
               "source_crc32": crc(source), "crc32": crc(small), "first": small.reshape(-1)[:12].tolist()}


def normal_cases():
    """Every byte as the slow image processors do it: times rescale in float64, cast, mean and std in float32."""
    import numpy as np
    for name, (mean, std, rescale) in NORMALS.items():
        scaled = (np.arange(256, dtype=np.uint8).astype(np.float64) * rescale).astype(np.float32)
        table = (scaled[:, None] - np.array(mean, np.float32)) / np.array(std, np.float32)
        assert table.dtype == np.float32
        yield {"name": name, "mean": mean, "std": std, "rescale": rescale, "crc32": crc(np.ascontiguousarray(table.T)),
               "hex": {str(byte): [float(v).hex() for v in table[byte]] for byte in (0, 1, 77, 128, 254, 255)}}


def sampling_cases():
    import numpy as np
    rules = {"authors": lambda n, f: [int(n / f * i) for i in range(f)],
             "linspace": lambda n, f: np.linspace(0, n - 1, f, dtype=int).tolist()}
    for rule, indices in rules.items():
        for wanted in WANTED:
            rows = [indices(total, wanted) for total in range(1, LARGEST_TOTAL + 1)]
            yield {"rule": rule, "wanted": wanted, "largest_total": LARGEST_TOTAL,
                   "crc32": crc(np.array(rows, dtype="<i4")), "of_37": rows[36]}


def scene(frames):
    """A square that slides over a gradient."""
    import numpy as np
    for i in range(frames):
        frame = picture(64, 96, 0) // 4 + 60
        frame[10 + i:34 + i, 4 + 3 * i:28 + 3 * i] = (220, 60, 40)
        frame[40:60, 80 - 3 * i:90 - 3 * i] = (30, 70, 220)
        yield np.ascontiguousarray(frame)


def write_clip(path, frames, options):
    import av
    with av.open(str(path), "w", format=path.suffix[1:]) as container:
        stream = container.add_stream("libvpx" if path.suffix == ".webm" else "libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt, stream.options = 96, 64, "yuv420p", options
        for frame in scene(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def turn(path):
    """Rewrites the display matrix of the track: shown turned by 90 degrees clockwise."""
    upright = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000")
    quarter = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000 00000000 00400000 00000000 40000000")
    data = bytearray(path.read_bytes())
    at = data.index(upright, data.index(b"tkhd"))
    data[at:at + len(upright)] = quarter
    path.write_bytes(bytes(data))


def make_clips(again):
    FIXTURES.mkdir(parents=True, exist_ok=True)
    recipes = {"bframes.mp4": (20, {"crf": "22", "g": "12", "bf": "3", "preset": "slow", "threads": "1"}),
               "turned.mp4": (9, {"crf": "22", "g": "4", "preset": "veryfast", "threads": "1"}),
               "tagged.mp4": (3, {"crf": "22", "g": "4", "preset": "veryfast", "threads": "1",
                                  "x264-params": "colormatrix=bt709:fullrange=on"}),
               "vp8.webm": (5, {"crf": "40", "b": "100k", "threads": "1"})}
    for name, (frames, options) in recipes.items():
        path = FIXTURES / name
        if path.exists() and not again:
            continue
        write_clip(path, frames, options)
        if name == "turned.mp4":
            turn(path)


def clip_cases():
    import av
    import numpy as np
    for name in ("bframes.mp4", "turned.mp4", "tagged.mp4", "vp8.webm"):
        with av.open(str(FIXTURES / name)) as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            decoded = list(container.decode(stream))
        upright = np.stack([np.rot90(f.to_ndarray(format="rgb24"), f.rotation // 90) for f in decoded])
        kinds = {int(f.pict_type) for f in decoded}
        yield {"file": f"tests/fixtures/{name}", "shape": list(upright.shape), "rotation": decoded[0].rotation,
               "has_b_frames": 3 in kinds, "time_s": [float(f.time) for f in decoded],
               "crc32": crc(np.ascontiguousarray(upright)), "frame_crc32": [crc(np.ascontiguousarray(f)) for f in upright]}


def with_segment(data, marker, content):
    """A JPEG with one more segment in front."""
    return data[:2] + bytes([0xff, marker]) + (len(content) + 2).to_bytes(2, "big") + content + data[2:]


def make_pictures(again):
    """Whole pictures of every common kind. Smooth, so that lossy kinds stay near it."""
    import io
    import numpy as np
    from PIL import Image
    folder = FIXTURES / "pictures"
    if folder.exists() and not again:
        return
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.meshgrid(np.arange(45), np.arange(61), indexing="ij")
    whole = Image.fromarray(np.stack([x * 4, y * 5, (x + y) * 2], -1).astype(np.uint8))
    grey, four, few = whole.convert("L"), whole.convert("RGBA"), whole.quantize(16)

    def save(name, image, **options):
        image.save(folder / name, **options)
    for name, image, options in [("baseline.jpg", whole, {}), ("full.jpg", whole, {"subsampling": 0, "quality": 95}),
                                 ("progressive.jpg", whole, {"progressive": True}), ("grey.jpg", grey, {}),
                                 ("cmyk.jpg", whole.convert("CMYK"), {}), ("restarts.jpg", whole, {"restart_marker_blocks": 1}),
                                 ("rgb.png", whole, {}), ("grey.png", grey, {}), ("alpha.png", four, {}), ("palette.png", few, {}),
                                 ("bits.png", whole.convert("1"), {}), ("lossy.webp", whole, {"quality": 90}),
                                 ("lossless.webp", whole, {"lossless": True}), ("rgb.bmp", whole, {}), ("grey.bmp", grey, {}),
                                 ("palette.bmp", few, {})]:
        save(name, image, **options)
    thumbnail = io.BytesIO()
    whole.resize((16, 12)).save(thumbnail, "jpeg")
    plain = (folder / "baseline.jpg").read_bytes()
    (folder / "thumbnail.jpg").write_bytes(with_segment(plain, 0xe1, b"Exif\0\0" + thumbnail.getvalue()))
    (folder / "trailing.jpg").write_bytes(plain + b"bytes of a camera's maker \xff\xd8\xff\xe0 behind the end")
    (folder / "trailing.png").write_bytes((folder / "rgb.png").read_bytes() + b"more")
    whole.save(folder / "three.gif", save_all=True, duration=100,
               append_images=[whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT), whole.transpose(Image.Transpose.FLIP_TOP_BOTTOM)])


def picture_cases():
    """Pillow's bytes; another decoder of a lossy kind comes near them."""
    import numpy as np
    from PIL import Image
    for path in sorted((FIXTURES / "pictures").iterdir()):
        if path.suffix == ".gif":
            continue
        with Image.open(path) as image:
            exact = path.suffix in (".png", ".bmp") or path.name == "lossless.webp"
            data = np.asarray(image.convert("RGB"))
        yield {"file": f"tests/fixtures/pictures/{path.name}", "shape": list(data.shape), "exact": exact, "crc32": crc(data),
               "rows": [[round(float(v), 3) for v in row] for row in data.mean(1)[::4]]}


def ensure_packages():
    """Runs this script again inside the virtual environment when its packages are missing here."""
    try:
        import av, numpy, PIL  # noqa: E401, F401
        return
    except ImportError:
        pass
    python = ROOT / ".venv-oracle" / "bin" / "python"
    if Path(sys.prefix) == python.parent.parent:
        subprocess.check_call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(python.parent.parent)])
    os.execv(python, [str(python), *sys.argv])


def check(old, new, out):
    """Throws SystemExit unless every number is the same."""
    different = [key for key in old.keys() | new.keys() if key != "versions" and old.get(key) != new.get(key)]
    if different:
        raise SystemExit(f"{out}: {', '.join(sorted(different))} differ")
    print(f"{out}: all numbers agree")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", action="store_true", help="make the clips anew")
    parser.add_argument("--check", action="store_true", help="compare with the golden file, write nothing")
    arguments = parser.parse_args()
    ensure_packages()
    import av
    import numpy
    import PIL
    make_clips(arguments.clips and not arguments.check)
    make_pictures(arguments.clips and not arguments.check)
    golden = {"recipe": "scripts/oracles/pixels.py",
              "versions": {"Pillow": PIL.__version__, "numpy": numpy.__version__, "PyAV": av.__version__,
                           "libavcodec": ".".join(map(str, av.library_versions["libavcodec"]))},
              "resize": list(resize_cases()), "normal": list(normal_cases()), "sampling": list(sampling_cases()),
              "clips": list(clip_cases()), "pictures": list(picture_cases())}
    out = ROOT / "tests" / "golden" / "pixels.json"
    if arguments.check:
        check(json.loads(out.read_text()), json.loads(json.dumps(golden)), out)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f" {json.dumps(key)}: " + (
        "[\n" + ",\n".join("  " + json.dumps(row) for row in value) + "\n ]" if isinstance(value, list) else json.dumps(value))
        for key, value in golden.items())
    out.write_text("{\n" + lines + "\n}\n")
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
