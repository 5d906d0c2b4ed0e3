#!/usr/bin/env python3
"""Writes tests/golden/qwen3_vl/: what transformers and PEFT make of a Qwen3-VL checkpoint.

    python3 scripts/oracles/qwen3_vl.py             the golden files
    python3 scripts/oracles/qwen3_vl.py --check     computes everything again and compares with what is committed
    python3 scripts/oracles/qwen3_vl.py --new       makes the random checkpoint and the adapters anew as well
    python3 scripts/oracles/qwen3_vl.py --counts    prints the parameter counts of the published models

The form of the files is families_common.py's. Prompts are those of transformers 4.57, with which the weights were released:
there the template's `<|vision_start|><|video_pad|><|vision_end|>` was replaced as a whole, while 5.23 replaces the pad alone
and leaves a second pair around all. So the oracle takes that pair out of the text before the processor sees it; what 5.23
itself writes is kept as `transformers5`. TEMPLATE writes for one user's turn what the published template writes (the one in
Qwen3-VL-8B-Instruct's GGUF file, 5292 bytes, SHA-256 3636d0f0bd6bef02654cdffdc447b79cb2cef8ab02cc75267345946291a489e4).

Besides: `sizes`, which size the processor gives clips; `times`, what it writes of their moments; `flop`, what torch counts for
the tower on each clip.
"""
import json
import sys

import families_common as common

TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' }}{% for part in message.content %}"
            "{% if part.type == 'video' %}{{ '<|vision_start|><|video_pad|><|vision_end|>' }}"
            "{% elif part.type == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
            "{% elif part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{{ '<|im_end|>\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
VIDEO = "<|vision_start|><|video_pad|><|vision_end|>"
MARKERS = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
# A head of 20 where width / heads is 6, sections that share no common measure, a table of 5 x 5 positions for grids of 4 to 16.
TEXT = {"hidden_size": 36, "intermediate_size": 38, "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2,
        "head_dim": 20, "rms_norm_eps": 1e-5, "max_position_embeddings": 512,
        "rope_parameters": {"rope_type": "default", "rope_theta": 777.0, "mrope_section": [5, 3, 2], "mrope_interleaved": True}}
VISION = {"depth": 4, "hidden_size": 24, "intermediate_size": 26, "num_heads": 2, "patch_size": 4, "out_hidden_size": 36,
          "num_position_embeddings": 25, "deepstack_visual_indexes": [0, 2],
          "rope_parameters": {"rope_type": "axial", "rope_theta": 500.0}}
PATCHES = {"patch_size": 4, "temporal_patch_size": 2, "merge_size": 2, "image_mean": [0.5, 0.4, 0.6], "image_std": [0.5, 0.6, 0.4]}
# Of a clip of the second kind each side of both limits; a still; a clip that is enlarged.
CLIPS = [*common.CLIPS, common.Clip(3, 20, 29, 3, "What is written there?", [2, 11, 12], 10.0, 13),
         common.Clip(1, 61, 95, 31, "What does the picture show?", still=True)]
CLIP_PIXELS, STILL_PIXELS = {"shortest_edge": 2500, "longest_edge": 6000}, {"shortest_edge": 600, "longest_edge": 3000}


class Qwen3VL(common.FamilyOracle):
    name = "qwen3_vl"
    clips = CLIPS
    adapters = {"adapter": (3, 7), "adapter_vision": (2, 5)}

    @classmethod
    def make(cls, folder):
        from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor, Qwen3VLVideoProcessor
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
        tokenizer = common.toy_tokenizer(MARKERS)
        start, end, image, video = (tokenizer.convert_tokens_to_ids(t) for t in MARKERS)
        config = Qwen3VLConfig(text_config=TEXT | {"vocab_size": len(tokenizer) + 3}, vision_config=VISION, image_token_id=image,
                               video_token_id=video, vision_start_token_id=start, vision_end_token_id=end, tie_word_embeddings=True)
        model = Qwen3VLForConditionalGeneration(config)
        common.base.randomise(model, 20281)
        model.generation_config.eos_token_id = [tokenizer.convert_tokens_to_ids(t) for t in ("<|im_end|>", "<|endoftext|>")]
        model.save_pretrained(folder)
        Qwen3VLProcessor(Qwen2VLImageProcessorPil(size=STILL_PIXELS, **PATCHES), tokenizer,
                         Qwen3VLVideoProcessor(size=CLIP_PIXELS, cap_pixels_per_frame=False, **PATCHES),
                         chat_template=TEMPLATE).save_pretrained(folder)

    def open(self):
        from transformers import AutoProcessor
        self.processor = AutoProcessor.from_pretrained(self.checkpoint)
        self.tokenizer = self.processor.tokenizer
        self.visual_ids = {self.processor.image_token_id, self.processor.video_token_id}

    def model(self, dtype, folder=None):
        from transformers import Qwen3VLForConditionalGeneration
        return Qwen3VLForConditionalGeneration.from_pretrained(folder or self.checkpoint, dtype=dtype, attn_implementation="sdpa").eval()

    def pixels(self, clip):
        """The sizes of the processor; resize, rescaling and normalisation of the processor that works with Pillow."""
        import numpy as np
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize
        from transformers.models.qwen3_vl.video_processing_qwen3_vl import smart_resize as smart_resize_clip
        nested = json.loads((self.checkpoint / "processor_config.json").read_text())
        settings = nested["image_processor" if clip.still else "video_processor"]
        factor = settings["patch_size"] * settings["merge_size"]
        limits = {"min_pixels": settings["size"]["shortest_edge"], "max_pixels": settings["size"]["longest_edge"]}
        height, width = smart_resize(clip.height, clip.width, factor, **limits) if clip.still else \
            smart_resize_clip(clip.frames, clip.height, clip.width, settings["temporal_patch_size"], factor, **limits)
        prepare = Qwen2VLImageProcessorPil()
        frames = []
        for picture in clip.pictures():
            resized = pillow_resize(prepare, picture.transpose(2, 0, 1), height, width, settings["resample"])
            scaled = prepare.rescale(resized, settings["rescale_factor"])
            frames.append(prepare.normalize(scaled, settings["image_mean"], settings["image_std"]))
        frames += frames[-1:] * (-len(frames) % settings["temporal_patch_size"])
        return [np.stack(frames).astype(np.float32)]

    def media(self, clip):
        """Arguments of the processor for a clip."""
        import numpy as np
        from PIL import Image
        if clip.still:
            return {"images": [Image.fromarray(clip.pictures()[0])]}
        metadata = {"fps": clip.fps, "frames_indices": list(clip.index), "total_num_frames": clip.total, "height": clip.height,
                    "width": clip.width, "duration": clip.total / clip.fps}
        return {"videos": [np.stack(clip.pictures())], "video_metadata": [metadata], "do_sample_frames": False}

    def prompt(self, question, clip, outer_pair=False):
        content = [{"type": "image" if clip.still else "video"}, {"type": "text", "text": question}]
        text = self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        if not outer_pair:
            text = text.replace(VIDEO, "<|video_pad|>", 1)
        return [int(one) for one in self.processor(text=[text], **self.media(clip))["input_ids"][0]]

    def patches(self, model, clip):
        """[patches, values] in the model's type and [[t, h, w]]."""
        import torch
        values = torch.from_numpy(self.pixels(clip)[0]).unsqueeze(0)
        sizes_of = (PATCHES[key] for key in ("patch_size", "merge_size", "temporal_patch_size"))
        cut, *grid = self.processor.video_processor.patchify(values, *sizes_of)
        return cut[0].to(model.get_input_embeddings().weight.dtype), torch.tensor([grid])

    def visual(self, model, clip):
        import torch
        features = (model.model.get_image_features if clip.still else model.model.get_video_features)(*self.patches(model, clip))
        return torch.cat(tuple(features.pooler_output)), [torch.cat(tuple(one)) for one in features.deepstack_features]

    def inputs(self, sequence):
        import torch
        kind = {self.processor.image_token_id: 1, self.processor.video_token_id: 2}
        return {"input_ids": torch.tensor([sequence]), "mm_token_type_ids": torch.tensor([[kind.get(one, 0) for one in sequence]])}

    def forward(self, model, clip, sequence):
        values, grid = self.patches(model, clip)
        clips = {"pixel_values": values, "image_grid_thw": grid} if clip.still else {"pixel_values_videos": values, "video_grid_thw": grid}
        return model(**self.inputs(sequence), **clips).logits[0]

    def positions(self, model, clip, sequence):
        grid = self.patches(model, clip)[1]
        model = model.model
        return model.get_rope_index(**self.inputs(sequence), **{"image_grid_thw" if clip.still else "video_grid_thw": grid})[0][:, 0].t()

    def adapter_targets(self, model, adapter):
        decoder = super().adapter_targets(model, adapter)
        if adapter == "adapter":
            return decoder
        leaves = ("attn.qkv", "attn.proj", "linear_fc1", "linear_fc2")
        return decoder + [n for n, _ in model.named_modules() if "visual." in n and n.endswith(leaves)]

    def stages(self):
        deep = {0: [], 1: [0], 2: [0], 3: [0, 2]}
        return [{"name": f"blocks_{n}", "set": {"/vision_config/depth": n, "/vision_config/deepstack_visual_indexes": deep[n]},
                 "without": [f"model.visual.blocks.{i}." for i in range(n, 4)] +
                            [f"model.visual.deepstack_merger_list.{i}." for i in range(len(deep[n]), 2)]} for n in deep]

    def more(self, tensors):
        import torch
        torch.set_grad_enabled(False)
        clip, model = self.clips[1], self.model(torch.float64)
        prompts = []
        for i, question in enumerate(common.QUESTIONS):
            at = i % len(self.clips)
            prompts.append({"clip": at, "question": question, "ids": self.folded(self.prompt(question, self.clips[at], outer_pair=True))})
        tensors["transformers5.logits"] = self.answer_logits(model, clip, self.prompt(clip.question, clip, outer_pair=True), [0]).float()
        # The tower turns queries and keys in float32 in every type: the gradient of a clip is rounded there once for all its pairs.
        return {"tolerances": {"packed": 1e-7}, "transformers5": prompts, "sizes": list(sizes()),
                "times": [moments(self.processor, *one) for one in MOMENTS], "flop": [self.flop(one) for one in self.clips]}

    def flop(self, clip):
        """Attention in single products: of the fused one on a CPU torch counts nothing."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode
        model = self.model(torch.float32)
        model.set_attn_implementation("eager")
        with FlopCounterMode(display=False) as counter:
            self.visual(model, clip)
        return counter.get_total_flops()


def pillow_resize(prepare, picture, height, width, resample):
    """[3, H, W] by the base class: the processor's own method would choose the size again."""
    from transformers.image_processing_backends import PilBackend
    from transformers.image_utils import SizeDict
    return PilBackend.resize(prepare, picture, size=SizeDict(height=height, width=width), resample=resample)


# Frames, height, width: both sides of both limits, sides below a cell, odd numbers of frames, proportions near 200.
SIZES = [(2, 40, 60), (3, 20, 29), (4, 1080, 1920), (5, 53, 37), (7, 37, 640), (16, 1080, 1920), (16, 5, 900), (2, 31, 33), (9, 3840, 2160),
         (768, 720, 1280), (64, 240, 320), (2, 16, 16), (33, 480, 854), (2, 10, 1990), (6, 48, 48), (4, 80, 112), (10, 1000, 24)]
# Limits in cells of 32 x 32: those of the published file, the class's own, and narrow ones.
LIMITS = [(4096, 25165824), (128 * 1024, 768 * 1024), (64 * 1024, 96 * 1024)]


def sizes():
    """The size that the processor resizes to, with and without the cap of each frame."""
    import torch
    from transformers import Qwen3VLVideoProcessor
    from transformers.video_processing_utils import BaseVideoProcessor
    asked, kept = [], BaseVideoProcessor.resize
    BaseVideoProcessor.resize = lambda self, image, size, **_: asked.append((size.height, size.width))
    for low, high in LIMITS:
        for cap in (False, True):
            processor = Qwen3VLVideoProcessor(size={"shortest_edge": low, "longest_edge": high})
            for frames, height, width in SIZES:
                clip = torch.empty(1, frames, 3, height, width, device="meta")
                processor.resize(clip, processor.size, None, 32, 2, cap_pixels_per_frame=cap)
                yield {"frames": frames, "height": height, "width": width, "low": low, "high": high, "cap": cap, "size": list(asked[-1])}
    BaseVideoProcessor.resize = kept


# Numbers of frames and rate: halves that one decimal rounds to even in binary, a rate that is not known, rates of broadcasts.
MOMENTS = [([0, 7, 14, 22, 29], 30000 / 1001), ([0, 2], 4.0), ([0, 7, 7, 7], 10.0), ([1, 2, 2, 3, 3], 4.0), ([3, 4], None), ([5], None),
           ([0, 100000], 24000 / 1001), ([9, 10, 11, 12], 20.0), ([1, 1, 3, 3, 5, 5, 7, 7], 20.0), ([0, 1], 0.5)]


def moments(processor, index, fps):
    """The words of each temporal patch, as replace_video_token writes them."""
    times = processor._calculate_timestamps(list(index), 24 if fps is None else fps, 2)
    return {"index": index, "fps": 0 if fps is None else fps, "texts": [f"<{time:.1f} seconds>" for time in times]}


# Decoder: width, feed-forward, layers, heads, kv heads, tied; tower: layers, width, feed-forward, deepstack [recalled from the
# published config.json files; the tower of 8B and 32B is the class's default].
SMALL, LARGE = (24, 1024, 4096, [5, 11, 17]), (27, 1152, 4304, [8, 16, 24])
PUBLISHED = {"Qwen3-VL-2B": (2048, 6144, 28, 16, 8, True, SMALL), "Qwen3-VL-4B": (2560, 9728, 36, 32, 8, True, SMALL),
             "Qwen3-VL-8B": (4096, 12288, 36, 32, 8, False, LARGE), "Qwen3-VL-32B": (5120, 25600, 64, 64, 8, False, LARGE)}


def counts():
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
    for name, (width, inner, layers, heads, kv, tied, (depth, vision, vision_inner, deep)) in PUBLISHED.items():
        text = {"vocab_size": 151936, "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": layers,
                "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": 128}
        tower = {"depth": depth, "hidden_size": vision, "intermediate_size": vision_inner, "out_hidden_size": width,
                 "deepstack_visual_indexes": deep}
        config = Qwen3VLConfig(text_config=text, vision_config=tower, tie_word_embeddings=tied)
        print(name, common.parameter_count(lambda: Qwen3VLForConditionalGeneration(config)))


def main():
    common.base.ensure_packages()
    if "--counts" in sys.argv:
        counts()
        return
    from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLTextRMSNorm
    Qwen3VL.rms_norms = [Qwen3VLTextRMSNorm]
    common.run(Qwen3VL)


if __name__ == "__main__":
    main()
