#!/usr/bin/env python3
"""Writes tests/golden/qwen2_5_vl/: what transformers and PEFT make of a Qwen2.5-VL checkpoint.

    python3 scripts/oracles/qwen2_5_vl.py             the golden files
    python3 scripts/oracles/qwen2_5_vl.py --check     computes everything again and compares with what is committed
    python3 scripts/oracles/qwen2_5_vl.py --new       makes the random checkpoint and the adapters anew as well

The form of the files is families_common.py's. Besides:
  transformers5  positions and logits of a clip where this release lets the text go on behind the last row or column of a clip;
                 all else here has it behind the last moment too, as releases 4 have it and as the weights were trained.
                 (4.57.1 gives these logits to 5e-8 once its cast of seconds to whole numbers is taken out, which the code that
                 the weights were trained with does not have.)
  flat           config.json in the layout of the hub, and the names of its tensors: the same model
  tied           logits without a head of its own
  sizes          sizes of pictures by the processor
  processors     files of processors and what transformers reads off them
  published      config.json of published checkpoints [recalled] and their numbers of parameters
  flop           what torch counts for the eye and each clip

The chat template below writes, for one turn with one video or picture, what the published one writes (it is quoted in
llama.cpp's tests from Qwen2-VL-2B-Instruct's tokenizer_config.json).
"""
import json
import shutil
import tempfile
from pathlib import Path

import families_common as common

TEMPLATE = ("{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
            "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
            "{% for content in message['content'] %}{% if content['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
            "{% elif content['type'] == 'video' %}{{ '<|vision_start|><|video_pad|><|vision_end|>' }}{% else %}{{ content['text'] }}{% endif %}"
            "{% endfor %}{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
PATCH, MERGE, TEMPORAL = 5, 2, 2
LEAST, MOST = 1200, 5400  # pixels of a frame
COLOURS = {"image_mean": [0.48, 0.45, 0.41], "image_std": [0.27, 0.26, 0.28]}
# Windows are 34 // 2 // 5 = 3 visual tokens wide, heads 8 numbers: two frequencies for rows, two for columns.
VISION = {"depth": 4, "hidden_size": 24, "num_heads": 3, "intermediate_size": 26, "patch_size": PATCH, "spatial_merge_size": MERGE,
          "temporal_patch_size": TEMPORAL, "window_size": 34, "fullatt_block_indexes": [1, 3], "tokens_per_second": 5,
          "out_hidden_size": 36}
TEXT = {"hidden_size": 36, "intermediate_size": 38, "num_hidden_layers": 3, "num_attention_heads": 3, "num_key_value_heads": 1,
        "rms_norm_eps": 1e-5, "max_position_embeddings": 512,
        "rope_parameters": {"rope_type": "default", "rope_theta": 777.0, "mrope_section": [1, 2, 3]}}
SPECIAL = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]


def continues_behind_time():
    """get_rope_index with the one line changed that says where the text goes on."""
    import inspect
    import textwrap
    from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as module
    source = textwrap.dedent(inspect.getsource(module.Qwen2_5_VLModel.get_rope_index))
    line = "current_pos += max(grid_thw[1], grid_thw[2]) // spatial_merge_size"
    assert source.count(line) == 1
    scope = dict(vars(module))
    exec(source.replace(line, "current_pos = int(vision_position_ids.max()) + 1"), scope)  # the release's own lines
    return scope["get_rope_index"]


class Qwen25VL(common.FamilyOracle):
    name = "qwen2_5_vl"
    # 5 x 4 tokens with moments 0, 2, 4; 3 x 6, which windows of 3 divide; 6 x 8 with moments up to 34; enlarged, rate unknown
    clips = [common.Clip(5, 53, 37, 11, "Is there a red square in the café?", [0, 7, 14, 22, 29], 30000 / 1001, 37),
             common.Clip(2, 30, 61, 5, "Which way does the first object move? (A) up (B) left (C) right (D) down", [0, 9], 24.0, 20),
             common.Clip(7, 96, 128, 23, "Describe the video.", [0, 30, 60, 90, 120, 150, 180], 25.0, 200),
             common.Clip(8, 12, 23, 3, "What happens?", fps=0.0),
             common.Clip(1, 61, 95, 31, "What does the picture show?", still=True)]
    pairs = [(0, *common.PAIRS[0][1:]), (2, *common.PAIRS[1][1:]), (2, *common.PAIRS[2][1:])]
    adapters = {"adapter": (3, 7), "adapter_vision": (2, 5)}
    seed = 20275

    @classmethod
    def make(cls, folder):
        from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor, Qwen2VLVideoProcessor
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
        tokenizer = common.toy_tokenizer(SPECIAL, {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"})
        start, end, image, video = (tokenizer.convert_tokens_to_ids(t) for t in SPECIAL)
        config = Qwen2_5_VLConfig(vision_config=VISION, text_config=TEXT | {"vocab_size": len(tokenizer) + 3}, image_token_id=image,
                                  video_token_id=video, vision_start_token_id=start, vision_end_token_id=end, tie_word_embeddings=False)
        model = Qwen2_5_VLForConditionalGeneration(config)
        common.base.randomise(model, cls.seed)
        randomise_norms(model, cls.seed)
        model.generation_config.eos_token_id = [tokenizer.convert_tokens_to_ids(t) for t in ("<|im_end|>", "<|endoftext|>")]
        model.save_pretrained(folder)
        shape = COLOURS | {"patch_size": PATCH, "merge_size": MERGE, "temporal_patch_size": TEMPORAL}
        Qwen2_5_VLProcessor(Qwen2VLImageProcessorPil(size={"shortest_edge": 900, "longest_edge": 4000}, **shape), tokenizer,
                            Qwen2VLVideoProcessor(size={"shortest_edge": LEAST, "longest_edge": MOST}, **shape),
                            chat_template=TEMPLATE).save_pretrained(folder)

    def open(self):
        from transformers import AutoProcessor
        from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
        self.processor = AutoProcessor.from_pretrained(self.checkpoint)
        self.tokenizer = self.processor.tokenizer
        self.visual_ids = {self.processor.image_token_id, self.processor.video_token_id}
        self.release, self.trained = Qwen2_5_VLModel.get_rope_index, continues_behind_time()
        Qwen2_5_VLModel.get_rope_index = self.trained

    def model(self, dtype, folder=None):
        from transformers import Qwen2_5_VLForConditionalGeneration
        return Qwen2_5_VLForConditionalGeneration.from_pretrained(folder or self.checkpoint, dtype=dtype, attn_implementation="sdpa").eval()

    def pixels(self, clip):
        """Each frame as a picture through the processor that resizes with Pillow, its patches put back in their places; then
        the last frame again, to fill a temporal patch."""
        import numpy as np
        from PIL import Image
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
        nested = json.loads((self.checkpoint / "processor_config.json").read_text())["image_processor" if clip.still else "video_processor"]
        keys = ("size", "image_mean", "image_std", "resample", "rescale_factor", "patch_size", "merge_size", "temporal_patch_size")
        prepare = Qwen2VLImageProcessorPil(**{k: nested[k] for k in keys})
        frames = []
        for picture in clip.pictures():
            made = prepare(images=[Image.fromarray(picture)], return_tensors="np")
            _, height, width = made["image_grid_thw"][0]
            blocks = made["pixel_values"].reshape(height // MERGE, width // MERGE, MERGE, MERGE, 3, TEMPORAL, PATCH, PATCH)[:, :, :, :, :, 0]
            frames.append(blocks.transpose(4, 0, 2, 5, 1, 3, 6).reshape(3, height * PATCH, width * PATCH))
        frames += frames[-1:] * (-len(frames) % TEMPORAL)
        return [np.ascontiguousarray(np.stack(frames))]

    def media(self, clip):
        import numpy as np
        from PIL import Image
        from transformers.video_utils import VideoMetadata
        if clip.still:
            return {"images": [Image.fromarray(clip.pictures()[0])]}
        metadata = VideoMetadata(total_num_frames=clip.total, fps=clip.fps or None, frames_indices=clip.index)
        return {"videos": [np.stack(clip.pictures())], "video_metadata": [metadata]}

    def prepared(self, question, clip):
        content = [{"type": "image" if clip.still else "video"}, {"type": "text", "text": question}]
        text = self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        return self.processor(text=[text], **self.media(clip), return_tensors="pt")

    def prompt(self, question, clip):
        return [int(one) for one in self.prepared(question, clip)["input_ids"][0]]

    def patches(self, clip, dtype):
        """Patches by the video processor's own function, and the grid."""
        import torch
        from transformers import Qwen2VLVideoProcessor
        values = torch.from_numpy(self.pixels(clip)[0]).unsqueeze(0)
        flat, *grid = Qwen2VLVideoProcessor.patchify(None, values, PATCH, MERGE, TEMPORAL)
        return flat[0].to(dtype), torch.tensor([grid])

    def inputs(self, model, clip, sequence):
        import torch
        values, grid = self.patches(clip, model.get_input_embeddings().weight.dtype)
        made = self.prepared(clip.question, clip)
        ids = torch.tensor([sequence])
        kinds = torch.zeros_like(ids)
        kinds[ids == self.processor.image_token_id] = 1
        kinds[ids == self.processor.video_token_id] = 2
        key, at = ("pixel_values", "image_grid_thw") if clip.still else ("pixel_values_videos", "video_grid_thw")
        assert torch.equal(made[at], grid), "the processor takes another grid"
        seconds = {} if clip.still else {"second_per_grid_ts": made["second_per_grid_ts"]}
        return {"input_ids": ids, "mm_token_type_ids": kinds, key: values, at: grid} | seconds

    def visual(self, model, clip):
        values, grid = self.patches(clip, model.get_input_embeddings().weight.dtype)
        return model.model.visual(values, grid_thw=grid).pooler_output, []

    def forward(self, model, clip, sequence):
        return model(**self.inputs(model, clip, sequence)).logits[0]

    def positions(self, model, clip, sequence):
        given = self.inputs(model, clip, sequence)
        places, _ = model.model.get_rope_index(given["input_ids"], given["mm_token_type_ids"], given.get("image_grid_thw"),
                                               given.get("video_grid_thw"), given.get("second_per_grid_ts"))
        return places[:, 0].t()

    def adapter_targets(self, model, adapter):
        decoder = super().adapter_targets(model, adapter)
        if adapter == "adapter":
            return decoder
        leaves = ("attn.qkv", "attn.proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "merger.mlp.0", "merger.mlp.2")
        return decoder + [n for n, _ in model.named_modules() if n.startswith("model.visual.") and n.endswith(leaves)]

    def stages(self):
        whole = {n: [i for i in VISION["fullatt_block_indexes"] if i < n] for n in range(VISION["depth"])}
        cut = [{"name": f"blocks_{n}", "set": {"/vision_config/depth": n, "/vision_config/fullatt_block_indexes": whole[n]},
                "without": [f"visual.blocks.{i}." for i in range(n, VISION["depth"])]} for n in whole]
        return cut + [{"name": "windows", "set": {"/vision_config/fullatt_block_indexes": []}, "without": []},
                      {"name": "no_windows", "set": {"/vision_config/fullatt_block_indexes": [0, 1, 2, 3]}, "without": []},
                      {"name": "windows_of_2", "set": {"/vision_config/window_size": 29}, "without": []},
                      {"name": "theta", "set": {"/vision_config/rope_parameters/rope_theta": 50.0}, "without": []}]

    def more(self, tensors):
        return {"transformers5": self.transformers5(tensors), "flat": self.flat(tensors), "tied": self.tied(tensors), "sizes": sizes(),
                "processors": processors(), "published": published(), "flop": [self.flop(one) for one in self.clips]}

    def flop(self, clip):
        """What torch counts for the eye; of the fused attention it counts nothing."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode
        model = self.model(torch.float32)
        model.set_attn_implementation("eager")
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            self.visual(model, clip)
        return counter.get_total_flops()

    def transformers5(self, tensors):
        import torch
        from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
        clip, exact = self.clips[2], self.model(torch.float64)
        prompt = self.prompt(clip.question, clip)
        Qwen2_5_VLModel.get_rope_index = self.release
        with torch.no_grad():
            tensors["transformers5.positions"] = self.positions(exact, clip, prompt + prompt[:3]).float().contiguous()
            tensors["transformers5.logits"] = self.answer_logits(exact, clip, prompt, prompt[:3]).float().contiguous()
        Qwen2_5_VLModel.get_rope_index = self.trained
        return {"clip": 2, "prompt": self.folded(prompt), "ids": prompt[:3]}

    def variant(self, config, drop=(), tensors=None):
        """A copy of the checkpoint with another config.json, without tensors of these names."""
        from safetensors.torch import load_file, save_file
        work = Path(tempfile.mkdtemp())
        shutil.copytree(self.checkpoint, work / "checkpoint")
        (work / "checkpoint" / "config.json").write_text(json.dumps(config))
        kept = {n: t for n, t in load_file(self.checkpoint / "model.safetensors").items() if n not in drop}
        save_file(kept, work / "checkpoint" / "model.safetensors", metadata={"format": "pt"})
        return work / "checkpoint"

    def config(self):
        return json.loads((self.checkpoint / "config.json").read_text())

    def flat(self, tensors):
        """The layout that the hub has, by hand from the nested one; transformers must make the same model of it."""
        import torch
        nested = self.config()
        text, vision = nested["text_config"], nested["vision_config"]
        config = {k: text[k] for k in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
                                       "rms_norm_eps", "max_position_embeddings", "vocab_size", "hidden_act")}
        config |= {k: nested[k] for k in ("architectures", "model_type", "image_token_id", "video_token_id", "vision_start_token_id",
                                          "vision_end_token_id", "tie_word_embeddings")}
        config |= {"rope_theta": 777.0, "rope_scaling": {"type": "mrope", "mrope_section": [1, 2, 3]}, "use_sliding_window": False,
                   "sliding_window": 64, "max_window_layers": 2, "torch_dtype": "bfloat16", "attention_dropout": 0.0}
        config["vision_config"] = {k: vision[k] for k in VISION} | {"in_chans": 3, "spatial_patch_size": PATCH, "hidden_act": "silu"}
        with torch.no_grad():
            there = self.visual_and_logits(self.model(torch.float64, self.variant(config)))
            here = self.visual_and_logits(self.model(torch.float64))
        assert all(torch.equal(a, b) for a, b in zip(there, here)), "the flat layout makes another model"
        return config

    def visual_and_logits(self, model):
        clip = self.clips[0]
        prompt = self.prompt(clip.question, clip)
        return self.visual(model, clip)[0], self.answer_logits(model, clip, prompt, prompt[:2])

    def tied(self, tensors):
        """True in text_config alone, as releases before 5 wrote it."""
        import torch
        config = self.config()
        config["tie_word_embeddings"] = False
        config["text_config"]["tie_word_embeddings"] = True
        model = self.model(torch.float64, self.variant(config, drop=("lm_head.weight",)))
        assert torch.equal(model.lm_head.weight, model.get_input_embeddings().weight)
        clip = self.clips[1]
        prompt = self.prompt(clip.question, clip)
        with torch.no_grad():
            tensors["tied.logits"] = self.answer_logits(model, clip, prompt, prompt[:2]).float().contiguous()
        return {"clip": 1, "ids": prompt[:2]}


def randomise_norms(model, seed):
    """Weights of the merger's norm about 1; randomise() knows norms by their names."""
    import torch
    generator = torch.Generator().manual_seed(seed + 1)
    weight = model.model.visual.merger.ln_q.weight
    with torch.no_grad():
        weight.copy_(1 + 0.2 * torch.randn(weight.shape, generator=generator))


def sizes():
    """[frames, height, width, least, most, factor, cap, height after, width after]."""
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import smart_resize
    cell, out = 28 * 28, []
    for frames, height, width, least, most, factor, cap in [
            (16, 1080, 1920, 128 * cell, 768 * cell, 28, False), (4, 37, 640, 128 * cell, 768 * cell, 28, False),
            (2, 480, 854, 4 * cell, 16384 * cell, 28, False), (2, 14, 70, 4 * cell, 16384 * cell, 28, False), (2, 13, 13, 4 * cell, 768 * cell, 28, False),
            (2, 42, 98, 4 * cell, 768 * cell, 28, False), (2, 10, 2000, 128 * cell, 768 * cell, 28, False), (768, 1080, 1920, 128 * cell, 16384 * cell, 28, True),
            (16, 1080, 1920, 128 * cell, 768 * cell, 28, True), (1500, 720, 1280, 128 * cell, 768 * cell, 28, True), (6, 720, 1280, 4 * 1024, 768 * 1024, 32, False),
            (5, 53, 37, LEAST, MOST, 10, False), (5, 96, 128, LEAST, MOST, 10, False), (5, 12, 23, LEAST, MOST, 10, False), (5, 25, 35, 100, MOST, 10, False)]:
        top = most
        if cap:
            top = max(min(most, int(128000 * factor * factor * 0.9) * TEMPORAL // frames), int(least * 1.05))
        out.append([frames, height, width, least, most, factor, cap, *smart_resize(height, width, factor, least, top)])
    return out


def processors():
    """Files in a folder and the budgets [least, most] that transformers takes off them for videos and for pictures."""
    from transformers import Qwen2VLVideoProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    hub = {"min_pixels": 3136, "max_pixels": 12845056, "patch_size": PATCH, "temporal_patch_size": TEMPORAL, "merge_size": MERGE,
           "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor"}
    bare = {"patch_size": PATCH, "image_processor_type": "Qwen2VLImageProcessor"}
    sized = hub | {"size": {"shortest_edge": 500, "longest_edge": 70000}, "min_pixels": 900, "max_pixels": None}
    video = bare | {"video_processor_type": "Qwen2VLVideoProcessor", "size": {"shortest_edge": 700, "longest_edge": 8000}}
    nested = {"processor_class": "Qwen2_5_VLProcessor", "image_processor": bare | {"size": {"shortest_edge": 11, "longest_edge": 2200}}}
    cases = [{"preprocessor_config.json": hub}, {"preprocessor_config.json": bare}, {"preprocessor_config.json": sized},
             {"preprocessor_config.json": hub, "video_preprocessor_config.json": video},
             {"preprocessor_config.json": hub, "processor_config.json": nested},
             {"preprocessor_config.json": hub, "video_preprocessor_config.json": video,
              "processor_config.json": nested | {"video_processor": video | {"size": {"shortest_edge": 13, "longest_edge": 1700}}}},
             {"preprocessor_config.json": hub, "processor_config.json": {"processor_class": "Qwen2_5_VLProcessor"}}]
    out = []
    for files in cases:
        with tempfile.TemporaryDirectory() as folder:
            for name, value in files.items():
                (Path(folder) / name).write_text(json.dumps(value))
            rows = []
            for kind in (Qwen2VLVideoProcessor, Qwen2VLImageProcessorPil):
                made = kind.from_pretrained(folder)
                rows.append({"size": [made.size["shortest_edge"], made.size["longest_edge"]], "mean": list(made.image_mean), "std": list(made.image_std)})
        out.append({"files": files, "video": rows[0], "image": rows[1]})
    return out


def published():
    """The hub's config.json files, recalled, and how many parameters transformers gives them."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
    vision = {"depth": 32, "hidden_act": "silu", "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "in_chans": 3, "patch_size": 14,
              "spatial_merge_size": 2, "spatial_patch_size": 14, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31],
              "tokens_per_second": 2, "temporal_patch_size": 2}
    common_keys = {"architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl", "attention_dropout": 0.0, "hidden_act": "silu",
                   "max_position_embeddings": 128000, "max_window_layers": 70, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "sliding_window": 32768,
                   "use_sliding_window": False, "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "image_token_id": 151655,
                   "video_token_id": 151656, "vision_start_token_id": 151652, "vision_end_token_id": 151653, "torch_dtype": "bfloat16"}
    sizes_of = {"Qwen2.5-VL-3B-Instruct": (2048, 11008, 36, 16, 2, 151936, True), "Qwen2.5-VL-7B-Instruct": (3584, 18944, 28, 28, 4, 152064, False),
                "Qwen2.5-VL-32B-Instruct": (5120, 27648, 64, 40, 8, 152064, False), "Qwen2.5-VL-72B-Instruct": (8192, 29568, 80, 64, 8, 152064, False)}
    out = {}
    for name, (width, inner, layers, heads, kv, vocabulary, tied) in sizes_of.items():
        config = common_keys | {"hidden_size": width, "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads,
                                "num_key_value_heads": kv, "vocab_size": vocabulary, "tie_word_embeddings": tied,
                                "vision_config": vision | {"out_hidden_size": width} | ({"intermediate_size": 3456} if layers in (64, 80) else {})}
        count = common.parameter_count(lambda: Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**json.loads(json.dumps(config)))))
        out[name] = {"config": config, "parameters": count}
    return out


def main():
    common.base.ensure_packages()
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLRMSNorm
    Qwen25VL.rms_norms = [Qwen2_5_VLRMSNorm]
    common.run(Qwen25VL)


if __name__ == "__main__":
    main()
