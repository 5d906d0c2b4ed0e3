#!/usr/bin/env python3
"""Writes tests/golden/onevision_variants/: more kinds of LLaVA-OneVision checkpoints and inputs than onevision.py has.

    python3 scripts/oracles/onevision_variants.py            computes the golden files
    python3 scripts/oracles/onevision_variants.py --check    computes them again and compares with what is committed
    python3 scripts/oracles/onevision_variants.py --new      makes the random checkpoint anew as well

The checkpoint is in bfloat16, its head is the embedding, and it lies in several shards beside an index, as transformers saves it.
  video      visual tokens and logits of a clip: in float64 and float32 from the values on disk, and in bfloat16 throughout
  pictures   stills of several shapes as the processor cuts them (anyres): pixels, packed visual tokens, logits; the patch grid of a
             tile is odd (7 x 7), some pictures are large enough to be shrunk after they are put together
Values are computed in float64 and kept in float32, but for those that say bfloat16.
"""
import argparse
import json
import zlib
from pathlib import Path

import onevision

GOLDEN = onevision.ROOT / "tests" / "golden" / "onevision_variants"
CHECKPOINT = GOLDEN / "checkpoint"
SIDE, GRID, MAX_TILES = 37, 7, 4
PINPOINTS = [[SIDE * h, SIDE * w] for h in (1, 2, 3) for w in (1, 2, 3)]
CLIP = (3, 40, 60, 5)
# height, width, seed
PICTURES = [(30, 100, 1), (101, 29, 2), (37, 37, 3), (20, 20, 4), (53, 40, 5), (74, 74, 6), (200, 190, 7), (90, 119, 8), (111, 60, 9),
            (33, 97, 10), (8, 150, 11), (140, 139, 12)]
QUESTION = "What is shown here?"


def make_checkpoint(folder):
    import torch
    from transformers import AutoTokenizer, LlavaOnevisionForConditionalGeneration, LlavaOnevisionProcessor, LlavaOnevisionVideoProcessor
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
    tokenizer = AutoTokenizer.from_pretrained(onevision.ROOT / "data" / "toy" / "tokenizer")
    video_id, image_id = (tokenizer.convert_tokens_to_ids(t) for t in ("<video>", "<image>"))
    config = onevision.tiny_config(len(tokenizer) + 3, video_id, image_id, tied=True)
    config.image_grid_pinpoints, config.vision_aspect_ratio = PINPOINTS, f"anyres_max_{MAX_TILES}"
    model = LlavaOnevisionForConditionalGeneration(config)
    onevision.randomise(model, 20266)
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="40KB")
    settings = {"size": {"height": SIDE, "width": SIDE}, "image_mean": [0.48, 0.45, 0.41], "image_std": [0.27, 0.26, 0.28]}
    LlavaOnevisionProcessor(LlavaOnevisionImageProcessorPil(image_grid_pinpoints=PINPOINTS, **settings), tokenizer,
                            LlavaOnevisionVideoProcessor(**settings), num_image_tokens=GRID * GRID, vision_feature_select_strategy="full",
                            vision_aspect_ratio=config.vision_aspect_ratio, chat_template=tokenizer.chat_template).save_pretrained(folder)


class Variant:
    def __init__(self, dtype):
        from transformers import LlavaOnevisionForConditionalGeneration
        self.model = LlavaOnevisionForConditionalGeneration.from_pretrained(CHECKPOINT, dtype=dtype, attn_implementation="sdpa").eval()
        assert self.model.lm_head.weight is self.model.get_input_embeddings().weight
        self.dtype = dtype


def some_rows(tensor):
    """Rows of [N, D] that both sides pick: every 17th, and the last."""
    import torch
    rows = list(range(0, tensor.shape[0], 17)) + [tensor.shape[0] - 1]
    return tensor[torch.tensor(rows)].float().contiguous()


def prompt(case, kind, count):
    """Ids with `count` placeholders, and what stands before and after them."""
    content = [{"type": kind}, {"type": "text", "text": QUESTION}]
    text = case.tokenizer.apply_chat_template([{"role": "user", "content": content}], chat_template=case.template, tokenize=False,
                                              add_generation_prompt=True)
    mark = f"<{kind}>"
    ids = case.tokenizer(text.replace(mark, mark * count), add_special_tokens=False)["input_ids"]
    at = ids.index(case.tokenizer.convert_tokens_to_ids(mark))
    return ids, {"before": ids[:at], "after": ids[at + count:]}


def last_logits(variant, ids, **media):
    import torch
    return variant.model(input_ids=torch.tensor([ids]), **media).logits[0, -1:]


def video_goldens(case, variants, tensors):
    import torch
    count, height, width, seed = CLIP
    pixels = case.to_pixels((*CLIP, ""))
    for name, variant in variants.items():
        videos = pixels.to(variant.dtype).unsqueeze(0)
        visual = variant.model.model.get_video_features(videos).pooler_output[0]
        ids, around = prompt(case, "video", len(visual))
        tensors[f"visual.{name}"] = some_rows(visual)
        tensors[f"logits.{name}"] = last_logits(variant, ids, pixel_values_videos=videos).float().contiguous()
    return {"frames": count, "height": height, "width": width, "seed": seed, "question": QUESTION, "visual_tokens": len(visual)} | around


def picture_goldens(case, exact, tensors):
    from PIL import Image
    from transformers import AutoProcessor
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
    processor = AutoProcessor.from_pretrained(CHECKPOINT)
    settings = json.loads((CHECKPOINT / "processor_config.json").read_text())["image_processor"]
    slow = LlavaOnevisionImageProcessorPil(**{k: v for k, v in settings.items() if k != "image_processor_type"})
    for number, (height, width, seed) in enumerate(PICTURES):
        image = Image.fromarray(onevision.picture(height, width, seed))
        made = slow(images=[image], return_tensors="pt")
        tiles, sizes = made["pixel_values"][0], made["image_sizes"]
        assert sizes.tolist() == [[height, width]]
        media = {"pixel_values": tiles.to(exact.dtype).unsqueeze(0), "image_sizes": sizes}
        visual = exact.model.model.get_image_features(**media, vision_aspect_ratio=exact.model.config.vision_aspect_ratio).pooler_output[0]
        assert processor._get_num_multimodal_tokens(image_sizes=[[height, width]])["num_image_tokens"] == [len(visual)]
        ids, around = prompt(case, "image", len(visual))
        tensors[f"picture.{number}"] = some_rows(visual)
        tensors[f"picture_logits.{number}"] = last_logits(exact, ids, **media).float().contiguous()
        yield {"height": height, "width": width, "seed": seed, "tiles": len(tiles), "crc32": zlib.crc32(tiles.numpy().tobytes()),
               "visual_tokens": len(visual), "fingerprint": onevision.fingerprint(visual).tolist()} | around


def goldens():
    import torch
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm
    torch.set_grad_enabled(False)
    case = onevision.Case(CHECKPOINT)
    tensors = {}
    rounded = {"bfloat16": Variant(torch.bfloat16)}
    video = video_goldens(case, rounded, tensors)
    Qwen2RMSNorm.forward = onevision.exact_rms_norm
    exact = Variant(torch.float64)
    assert video_goldens(case, {"exact": exact}, tensors) == video
    return {"recipe": "scripts/oracles/onevision_variants.py", "versions": onevision.versions(), "video": video,
            "pictures": list(picture_goldens(case, exact, tensors))}, tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the golden files, write nothing")
    parser.add_argument("--new", action="store_true", help="make the random checkpoint anew")
    arguments = parser.parse_args()
    onevision.ensure_packages()
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if arguments.new or not CHECKPOINT.exists():
        make_checkpoint(CHECKPOINT)
    golden, tensors = goldens()
    if arguments.check:
        onevision.compare(GOLDEN, golden, tensors)
    else:
        onevision.write(GOLDEN, golden, tensors)
        print(f"{GOLDEN}: {sum(f.stat().st_size for f in GOLDEN.rglob('*') if f.is_file())} bytes")


if __name__ == "__main__":
    main()
