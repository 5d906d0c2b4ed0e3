#!/usr/bin/env python3
"""Writes tests/golden/fits.json: what transformers, torchvision and Pillow make of pictures of any size before they are pixels, for
the C++ tests. Pictures are integer formulas that both sides compute (pixels.picture).

    python3 scripts/oracles/fits.py                      computes everything
    python3 scripts/oracles/fits.py --check              computes everything again and compares
    python3 scripts/oracles/fits.py --rrpo-source CLONE  also holds the padding to LongVU's own function

Run it with any Python 3.10+: it makes the virtual environment of onevision.py when packages are missing.

`budgets`: [processor, cap, factor, frames, height, width, least pixels, most pixels, [height, width] or null where it refuses].
`grids`: [side, least tiles, most tiles, height, width, columns, rows].
"""
import argparse
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from onevision import ensure_packages  # noqa: E402
from pixels import check, crc, picture  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden" / "fits.json"

# height, width, seed, side
CROPS = [(96, 128, 1, 56), (128, 96, 2, 56), (57, 58, 3, 56), (56, 56, 4, 56), (40, 301, 5, 37), (301, 40, 6, 37), (33, 32, 7, 61),
         (37, 50, 8, 24), (50, 37, 9, 24), (224, 398, 10, 224), (40, 46, 11, 20), (46, 40, 12, 20), (30, 52, 13, 15)]
PADS = [(96, 128, 1, 56), (128, 96, 2, 56), (57, 58, 3, 56), (56, 56, 4, 56), (40, 301, 5, 37), (301, 41, 6, 37), (33, 32, 7, 61), (28, 28, 8, 42)]
MEANS = {"siglip": [0.5, 0.5, 0.5], "dino": [0.485, 0.456, 0.406], "round": [0.2, 0.6, 0.8]}
# height, width, seed, side, least, most
TILES = [(40, 60, 1, 28, 1, 12), (60, 40, 2, 28, 1, 12), (28, 28, 3, 28, 1, 12), (96, 128, 4, 37, 1, 6), (128, 41, 5, 37, 1, 12), (30, 301, 6, 24, 1, 12),
         (57, 83, 7, 24, 2, 5), (50, 50, 8, 24, 3, 12), (80, 80, 9, 24, 1, 1)]


def budget_cases():
    import torch
    from transformers.image_utils import SizeDict
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor
    from transformers.video_processing_utils import BaseVideoProcessor
    BaseVideoProcessor.resize = lambda self, image, size, resample: [size.height, size.width]

    def asked(kind, cap, factor, frames, height, width, least, most):
        processor = {"qwen2_5_vl": Qwen2VLVideoProcessor, "qwen3_vl": Qwen3VLVideoProcessor}[kind]()
        try:
            size = processor.resize(torch.empty(1, frames, 3, height, width, device="meta"), resample=None, factor=factor, temporal_factor=2,
                                    size=SizeDict(shortest_edge=least, longest_edge=most), cap_pixels_per_frame=cap)
        except ValueError:
            size = None
        return [kind, cap, factor, frames, height, width, least, most, size]

    published = {"qwen2_5_vl": [(28, 3136, 12845056), (28, 128 * 784, 768 * 784)], "qwen3_vl": [(32, 4096, 25165824), (32, 128 * 1024, 768 * 1024)]}
    draw = random.Random(5)
    for kind, budgets in published.items():
        for factor, least, most in budgets:
            for size in [(1080, 1920), (37, 640), (2160, 3840), (1, 200), (1, 201), (3, 700), (480, 480), (14, 14), (16, 48), (13, 5)]:
                yield asked(kind, False, factor, 16, *size, least, most)
        for _ in range(150):
            factor = draw.choice([28, 32, 8, 20])
            least = factor * factor * draw.choice([1, 4, 16, 128])
            most = least * draw.choice([1, 2, 6, 64])
            side = draw.choice([40, 300, 2000])
            yield asked(kind, draw.random() < 0.4, factor, draw.randint(2, draw.choice([9, 768])), draw.randint(1, side), draw.randint(1, side), least, most)


def crop_cases():
    import numpy as np
    from PIL import Image
    from torchvision import transforms
    for height, width, seed, side in CROPS:
        change = transforms.Compose([transforms.Resize(side, interpolation=transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(side)])
        yield {"height": height, "width": width, "seed": seed, "side": side, "crc32": crc(np.asarray(change(Image.fromarray(picture(height, width, seed)))))}


def square_of(image, colour):
    """The picture in the middle of a square."""
    from PIL import Image
    side = max(image.size)
    square = Image.new(image.mode, (side, side), colour)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def pad_cases(source):
    import numpy as np
    from PIL import Image
    own = square_of
    if source:
        from samplers import original
        own = original(source, "longvu/mm_datautils.py", "expand2square", Image=Image)
    for name, mean in MEANS.items():
        for height, width, seed, side in PADS:
            image, colour = Image.fromarray(picture(height, width, seed)), tuple(int(x * 255) for x in mean)
            padded = own(image, colour)
            assert np.array_equal(np.asarray(padded), np.asarray(square_of(image, colour)))
            yield {"mean": mean, "name": name, "height": height, "width": width, "seed": seed, "side": side,
                   "crc32": crc(np.asarray(padded.resize((side, side))))}


def tile_cases():
    import numpy as np
    from transformers.image_utils import SizeDict
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
    processor = GotOcr2ImageProcessorPil()
    for height, width, seed, side, least, most in TILES:
        for thumbnail in (True, False):
            source = np.ascontiguousarray(picture(height, width, seed).transpose(2, 0, 1))
            tiles = processor.crop_image_to_patches(source, least, most, use_thumbnail=thumbnail, patch_size=SizeDict(height=side, width=side),
                                                    resample=processor.resample)
            yield {"height": height, "width": width, "seed": seed, "side": side, "least": least, "most": most, "thumbnail": thumbnail,
                   "count": len(tiles), "crc32": crc(np.ascontiguousarray(np.stack(tiles).transpose(0, 2, 3, 1)))}


def grid_cases():
    from transformers.models.got_ocr2.image_processing_got_ocr2 import get_optimal_tiled_canvas
    draw = random.Random(7)
    fixed = [(448, 1, 12, 448, 448), (448, 1, 12, 900, 900), (448, 1, 12, 1, 5000), (448, 1, 6, 300, 400), (448, 1, 12, 720, 1280)]
    ties = [(side, least, most, height, width) for side in (10, 448) for least, most in ((1, 12), (2, 6)) for height, width in
            ((4, 3), (4, 5), (8, 6), (12, 7), (80, 60), (800, 600), (2000, 1500), (20, 25), (600, 1050), (6, 21), (60, 210))]
    for _ in range(300):
        most = draw.choice([1, 2, 6, 12, 24])
        size = draw.choice([30, 400, 2000])
        fixed.append((draw.choice([24, 448]), draw.randint(1, min(most, 4)), most, draw.randint(1, size), draw.randint(1, size)))
    for side, least, most, height, width in fixed + ties:
        yield [side, least, most, height, width, *get_optimal_tiled_canvas((height, width), (side, side), least, most)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rrpo-source", type=Path, metavar="CLONE", help="a clone of the authors' repository")
    parser.add_argument("--check", action="store_true", help="compare with the golden file, write nothing")
    arguments = parser.parse_args()
    ensure_packages()
    import PIL
    import torchvision
    import transformers
    golden = {"recipe": "scripts/oracles/fits.py",
              "versions": {"transformers": transformers.__version__, "torchvision": torchvision.__version__.split("+")[0], "Pillow": PIL.__version__},
              "budgets": list(budget_cases()), "crops": list(crop_cases()), "pads": list(pad_cases(arguments.rrpo_source)),
              "tiles": list(tile_cases()), "grids": list(grid_cases())}
    if arguments.check:
        check(json.loads(GOLDEN.read_text()), json.loads(json.dumps(golden)), GOLDEN)
        return
    lines = ",\n".join(f" {json.dumps(key)}: " + (
        "[\n" + ",\n".join("  " + json.dumps(row) for row in value) + "\n ]" if isinstance(value, list) else json.dumps(value))
        for key, value in golden.items())
    GOLDEN.write_text("{\n" + lines + "\n}\n")
    print(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes; {sum(row[-1] is None for row in golden['budgets'])} sizes are refused")


if __name__ == "__main__":
    main()
