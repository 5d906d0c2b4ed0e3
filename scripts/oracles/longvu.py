#!/usr/bin/env python3
"""Writes tests/golden/longvu/: what the authors' own `longvu` package makes of a LongVU checkpoint, for the C++ tests.

    python3 scripts/oracles/longvu.py --rrpo-source DIR             computes the golden files
    python3 scripts/oracles/longvu.py --rrpo-source DIR --check     computes them again and compares with the committed ones
    python3 scripts/oracles/longvu.py --rrpo-source DIR --new       makes the random checkpoint and the adapter anew as well

DIR is a checkout of the authors' repository at COMMIT. Run it with any Python 3.11: it makes its own virtual environment
.venv-oracle-longvu beside the sources when packages are missing.

The checkpoint is made as three folders, as on the hub: the model as the package saves it (without towers), a SigLIP, a
DINOv2. scripts/join_longvu.py joins them into tests/golden/longvu/checkpoint, the form that we load; the towers that the
package fetches by name are taken out of that again into a temporary Hugging Face cache.

What stands in for what, everything that computes being the package's:
  cv2, imageio, decord  empty modules: imported, used by functions that are not called
  longvu.file_io        an empty PathManager: the original wants iopath, for templates of Llama
  hidden_size           of the SigLIP tower, which says 1152 until it is loaded: the width of the one that is there
  Tensor.half, .cuda    nothing, within process_images
  softmax, RMSNorm      in float64 without their casts to float32; the tables of RoPE stay in float32. Resizing of features
                        and positions rounds to float32 as in the original, whatever the model is in
  id 151643             by which the package finds the end of a padded row: the tiny vocabulary has none, so a row's length
                        counts, as in the package's own inference, where rows are not padded

Beside what families_common.py writes: stages (towers, connector), and `reduced`: what the package keeps of clips when
max_length leaves less and less room, with the frames that it chooses. `rrpo` says that the same numbers come out of the
package's forward_mode="rrpo" and its loss. The filler ids that its collator puts behind a video in training, and frames
that its reader of long videos takes, are in no golden file: see docs/families.md.
"""
import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import families_common as common  # noqa: E402
from llava_qwen import COMMIT, check_source, lift_casts, silence, write_tokenizer  # noqa: E402

ROOT = common.ROOT
PACKAGES = ["torch==2.11.0", "transformers==4.42.4", "tokenizers==0.19.1", "huggingface_hub==0.25.1", "peft==0.13.2",
            "accelerate==0.34.2", "safetensors==0.8.0", "einops==0.8.1", "Pillow==11.2.1", "numpy==1.26.4", "jinja2==3.1.6"]
SIGLIP_NAME, DINO_NAME = "google/siglip-so400m-patch14-384", "facebook/dinov2-giant"
SIGLIP = {"hidden_size": 24, "intermediate_size": 26, "num_hidden_layers": 2, "num_attention_heads": 3, "image_size": 200,
          "patch_size": 13, "layer_norm_eps": 1e-4}
DINO = {"hidden_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_ratio": 3, "image_size": 420, "patch_size": 21,
        "layer_norm_eps": 1e-4, "use_swiglu_ffn": True, "layerscale_value": 1.0}
SIGLIP_PIXELS = {"image_processor_type": "SiglipImageProcessor", "do_normalize": True, "do_rescale": True, "do_resize": True,
                 "image_mean": [0.48, 0.53, 0.41], "image_std": [0.27, 0.26, 0.28], "resample": 3, "rescale_factor": 1 / 255,
                 "size": {"height": 200, "width": 200}}
DINO_PIXELS = {"image_processor_type": "BitImageProcessor", "crop_size": {"height": 224, "width": 224}, "do_center_crop": True,
               "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
               "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3, "rescale_factor": 1 / 255,
               "size": {"shortest_edge": 256}}
VIDEO_ID = -200
CLIPS = [common.CLIPS[0], common.Clip(3, 53, 37, 11, common.CLIPS[1].question, [0, 7, 14], 30000 / 1001, 20),
         common.Clip(5, 96, 128, 23, common.CLIPS[2].question, [0, 25, 50, 75, 100], 25.0, 110)]
TOWERS = ("model.vision_tower_aux_0.", "model.vision_tower_aux_1.")

# Clips that are reduced: seeds of their frames (repeated ones look alike), height, width.
ALIKE = [3, 3, 4, 3, 9, 9, 9, 30, 9, 9, 31, 32, 3, 3, 3, 3, 3, 3, 5, 5, 5, 5]
REDUCED_CLIPS = [([41, 41, 41, 41, 57, 41, 41, 58], 96, 128), (ALIKE, 60, 50), ([7, 7, 7, 8, 7], 20, 300), ([5, 6, 7, 8, 5, 6, 5, 5, 9], 64, 64)]
# clip, settings that differ from the checkpoint's
REDUCED = [(0, {"tokenizer_model_max_length": 2000}), (0, {"tokenizer_model_max_length": 1000}), (0, {"tokenizer_model_max_length": 400}),
           (0, {"tokenizer_model_max_length": 640}), (0, {"tokenizer_model_max_length": 420, "drop_threshold": 0.3}),
           (1, {"tokenizer_model_max_length": 1200}), (1, {"tokenizer_model_max_length": 700, "dino_threshold": 0.9}),
           (1, {"tokenizer_model_max_length": 1500, "drop_threshold": 0.6}), (1, {"tokenizer_model_max_length": 3400}),
           (2, {"tokenizer_model_max_length": 560}), (2, {"tokenizer_model_max_length": 2000}),
           (3, {"tokenizer_model_max_length": 1100}), (3, {"tokenizer_model_max_length": 800, "drop_threshold": 0.5}),
           (3, {"tokenizer_model_max_length": 900, "highres": False}), (3, {"tokenizer_model_max_length": 900, "highres": False, "drop_threshold": 1.1}),
           (3, {"tokenizer_model_max_length": 649}), (3, {"tokenizer_model_max_length": 649, "dino_threshold": 1.1}),
           (3, {"tokenizer_model_max_length": 649, "dino_threshold": 1.1, "drop_threshold": 1.1}),
           # Frames and room meet exactly: 9 frames where there is room for 9 maps of 144, for 10, for 9 of 64, for 8.
           (3, {"tokenizer_model_max_length": 1489}), (3, {"tokenizer_model_max_length": 1490}),
           (3, {"tokenizer_model_max_length": 626, "dino_threshold": 1.1}), (3, {"tokenizer_model_max_length": 625, "dino_threshold": 1.1})]
REDUCED_QUESTION = "What moves first, and is it red?"


def open_package(source):
    """Makes `import longvu` the authors'."""
    import transformers  # noqa: F401  looks for cv2 and finds none, before the stub is there
    from transformers import AutoImageProcessor, AutoTokenizer, Dinov2Model, SiglipImageProcessor, SiglipVisionModel  # noqa: F401
    for name in ("cv2", "imageio"):
        sys.modules[name] = types.ModuleType(name)
    decord = types.ModuleType("decord")
    decord.VideoReader, decord.cpu = None, None
    sys.modules["decord"] = decord
    file_io = types.ModuleType("longvu.file_io")
    file_io.PathManager = None
    sys.modules["longvu.file_io"] = file_io
    sys.path.insert(0, str(source))
    with silence():
        import longvu.language_model.cambrian_qwen  # noqa: F401
        import longvu.mm_datautils  # noqa: F401
        from longvu.multimodal_encoder.siglip_encoder import SiglipVisionTower
    SiglipVisionTower.hidden_size = property(lambda self: SIGLIP["hidden_size"])


def fetched(name):
    """Folder of a repository in the temporary cache, as if it had been downloaded."""
    repository = Path(os.environ["HF_HOME"]) / "hub" / ("models--" + name.replace("/", "--"))
    (repository / "refs").mkdir(parents=True, exist_ok=True)
    (repository / "refs" / "main").write_text("0")
    folder = repository / "snapshots" / "0"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fill(model, seed, own=lambda name, p, value: None):
    """Values large enough that every part of the model shows in the logits."""
    import torch
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            value = torch.randn(p.shape, generator=generator)
            special = own(name, p, value)
            if special is not None:
                p.copy_(special)
            elif p.dim() == 1:
                p.copy_((1.0 if name.endswith("weight") else 0.0) + 0.2 * value)
            else:
                gain = 1.0 if "embed" in name and "patch" not in name else 1.3 / math.sqrt(p[0].numel())
                p.copy_(gain * value)


def make_towers():
    """The two towers in the cache."""
    import torch
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model, SiglipConfig, SiglipVisionConfig, SiglipVisionModel
    siglip, dino = fetched(SIGLIP_NAME), fetched(DINO_NAME)
    tower = SiglipVisionModel(SiglipVisionConfig(**SIGLIP))
    fill(tower, 20281)
    tower.save_pretrained(siglip)
    # The hub's folder is of both halves: the tower is one part of its configuration.
    (siglip / "config.json").write_text(json.dumps({"architectures": ["SiglipModel"], "model_type": "siglip",
                                                    "vision_config": SIGLIP | {"model_type": "siglip_vision_model"}}))
    (siglip / "preprocessor_config.json").write_text(json.dumps(SIGLIP_PIXELS))
    eye = Dinov2Model(Dinov2Config(**DINO))

    def own(name, p, value):
        if name.endswith("lambda1"):
            return 0.7 + 0.2 * value
        if name.endswith(("position_embeddings", "cls_token")):
            return 0.5 * value
        if name == "layernorm.bias":  # what all frames have in common: some are alike, others not
            return 0.9 * value
        return None
    fill(eye, 20282, own)
    eye.to(torch.bfloat16).save_pretrained(dino)
    (dino / "preprocessor_config.json").write_text(json.dumps(DINO_PIXELS))


def configuration(vocabulary):
    from longvu.language_model.cambrian_qwen import CambrianConfig
    return CambrianConfig(
        vocab_size=vocabulary, hidden_size=48, intermediate_size=50, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
        rms_norm_eps=1e-5, rope_theta=777.0, max_position_embeddings=4096, use_sliding_window=False, tie_word_embeddings=False,
        mm_projector_type="sva", mm_vision_tower_aux_list=["siglip/CLIP-ViT-SO400M-14-384", "facebook/dinov2-giant-res378"],
        mm_vision_tower_aux_token_len_list=[576, 576], image_token_len=144, num_query_group=1, query_num_list=[144], connector_depth=3,
        connector_only=True, vision_hidden_size=32, highres=True, highres_connect=False, lowres_token=8, connect_layer=2,
        dino_threshold=0.83, drop_threshold=0.8, frame_pos=False, is_image_newline=True, is_st_sampler=False,
        mm_vision_select_layer=-2, mm_vision_select_feature="patch", mm_use_im_start_end=False, mm_use_im_patch_token=False,
        tokenizer_model_max_length=700, tokenizer_padding_side="right", image_aspect_ratio="pad", tune_mm_mlp_adapter=False,
        unfreeze_mm_vision_tower=False)


def make_model(folder):
    """The model as the package saves it: without towers."""
    import torch
    from safetensors.torch import load_file, save_file
    from longvu.language_model.cambrian_qwen import CambrianQwenForCausalLM
    from transformers import AutoTokenizer
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with silence():
        model = CambrianQwenForCausalLM(configuration(len(tokenizer) + 3))

    def own(name, p, value):
        return 0.8 * value if name.endswith(("image_newline", "vision_query")) else None
    fill(model, 20283, own)
    ids = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = ids, ids[1]
    model.to(torch.bfloat16).save_pretrained(folder)
    # What an adapter is merged into holds the same values in float32, where merging does not round.
    file = folder / "model.safetensors"
    tensors = {n: t.float() if n.startswith("model.layers.") else t for n, t in load_file(file).items()}
    save_file(tensors, file, metadata={"format": "pt"})


def take_towers(joined):
    """Puts the towers of a joined folder into the cache."""
    from safetensors.torch import load_file, save_file
    config, tensors = json.loads((joined / "config.json").read_text()), load_file(joined / "model.safetensors")
    for number, (name, top) in enumerate(zip((SIGLIP_NAME, DINO_NAME), TOWERS)):
        folder = fetched(name)
        own = config[f"vision_config_aux_{number}"]
        (folder / "config.json").write_text(json.dumps({"model_type": "siglip", "vision_config": own} if number == 0 else own))
        shutil.copyfile(joined / f"preprocessor_config_aux_{number}.json", folder / "preprocessor_config.json")
        save_file({n.removeprefix(top): t for n, t in tensors.items() if n.startswith(top)}, folder / "model.safetensors", metadata={"format": "pt"})
    return {n: t for n, t in tensors.items() if not n.startswith(TOWERS)}


class LongVu(common.FamilyOracle):
    name = "longvu"
    clips = CLIPS
    packages = PACKAGES
    visual_ids = {VIDEO_ID}

    @classmethod
    def make(cls, folder):
        sys.path.insert(0, str(ROOT / "scripts"))
        from convert_checkpoint import save
        from join_longvu import join
        with tempfile.TemporaryDirectory() as work:
            make_towers()
            make_model(Path(work))
            join(Path(work), fetched(SIGLIP_NAME), fetched(DINO_NAME), folder, save)

    def open(self):
        from longvu.multimodal_encoder.builder import build_vision_tower_aux_list
        from safetensors.torch import save_file
        super().open()
        self.bare = Path(os.environ["HF_HOME"]) / "bare"
        self.bare.mkdir(exist_ok=True)
        save_file(take_towers(self.checkpoint), self.bare / "model.safetensors", metadata={"format": "pt"})
        for file in self.checkpoint.glob("*.json"):
            shutil.copyfile(file, self.bare / file.name)
        config = configuration(10)
        self.processors = [tower.image_processor for tower in build_vision_tower_aux_list(config)]
        self.exact, self.counts, self.features = None, {}, {}

    def model(self, dtype, folder=None):
        from longvu.language_model.cambrian_qwen import CambrianQwenForCausalLM
        with silence():
            model = CambrianQwenForCausalLM.from_pretrained(self.bare, torch_dtype=dtype).eval()
        for tower in model.get_vision_tower_aux_list():
            if not tower.is_loaded:
                tower.load_model()
            tower.to(dtype=dtype).eval()
        remember_towers(model, self.features)
        return model

    def pixels(self, clip):
        return prepared(clip.pictures(), self.processors)

    def prompt_text(self, question):
        from longvu.constants import DEFAULT_IMAGE_TOKEN
        from longvu.conversation import conv_templates
        conversation = conv_templates["qwen"].copy()
        conversation.append_message(conversation.roles[0], DEFAULT_IMAGE_TOKEN + "\n" + question)
        conversation.append_message(conversation.roles[1], None)
        return conversation.get_prompt()

    def row(self, question):
        """Ids of the prompt, the video one of them."""
        from longvu.mm_datautils import tokenizer_image_token
        return tokenizer_image_token(self.prompt_text(question), self.tokenizer, VIDEO_ID)

    def prompt(self, question, clip):
        import torch
        if self.exact is None:
            self.exact = self.model(torch.float64)
        row, key = self.row(question), (clip.seed, clip.frames, question)
        if key not in self.counts:
            with torch.no_grad():
                self.counts[key] = embeddings(self.exact, row, self.pixels(clip), (clip.height, clip.width)).shape[1] - len(row) + 1
        at = row.index(VIDEO_ID)
        return row[:at] + [VIDEO_ID] * self.counts[key] + row[at + 1:]

    def visual(self, model, clip):
        row = self.row(clip.question)
        embeds = embeddings(model, row, self.pixels(clip), (clip.height, clip.width))[0]
        at = row.index(VIDEO_ID)
        return embeds[at:len(embeds) - (len(row) - at - 1)], []

    def answer_logits(self, model, clip, prompt, ids):
        """As generate() does: the video is encoded with the prompt alone, answers follow it."""
        import torch
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        row = unfolded(prompt)
        embeds = embeddings(inner, row, self.pixels(clip), (clip.height, clip.width))
        answer = inner.get_model().embed_tokens(torch.tensor([ids[:-1]], dtype=torch.long))
        hidden = inner.model(inputs_embeds=torch.cat([embeds, answer], 1), use_cache=False)[0]
        return inner.lm_head(hidden)[0, embeds.shape[1] - 1:]

    def adapter_targets(self, model, adapter):
        """As the authors' find_all_linear_names_exact: every linear outside towers, connector, projector and head."""
        import torch
        away = ("mm_projector", "vision_tower", "vision_sampler", "lm_head")
        return [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and not any(word in n for word in away)]

    def more(self, tensors):
        import torch
        with torch.no_grad():
            return {"commit": COMMIT, "texts": [{"question": q, "text": self.prompt_text(q)} for q in common.QUESTIONS[:4]],
                    "connector": connector_goldens(self, tensors), "reduced": list(reduced_goldens(self, tensors)),
                    "functions": function_goldens(self, tensors), "rrpo": rrpo_agreement(self), "parameters": published_counts()}


def unfolded(prompt):
    """The row with one id for the whole video."""
    at = prompt.index(VIDEO_ID)
    return prompt[:at] + [VIDEO_ID] + prompt[at + prompt.count(VIDEO_ID):]


def prepared(pictures, processors):
    """Pixels of both towers by the package's process_images, as numpy float32 [F, 3, S, S]."""
    import torch
    from longvu.mm_datautils import process_images
    half, cuda = torch.Tensor.half, torch.Tensor.cuda
    torch.Tensor.half = torch.Tensor.cuda = lambda self: self
    try:
        return [values.numpy() for values in process_images(pictures, processors, None)]
    finally:
        torch.Tensor.half, torch.Tensor.cuda = half, cuda


def remember_towers(model, features):
    """Towers are frozen: what they make of the same pixels is computed once for each type."""
    import torch
    for number, tower in enumerate(model.get_vision_tower_aux_list()):
        forward = tower.forward

        def known(images, forward=forward, number=number):
            key = (number, images.dtype, tuple(images.shape), hash(images.detach().numpy().tobytes()))
            if key not in features:
                with torch.no_grad():
                    features[key] = forward(images)
            return features[key]
        tower.forward = known


def embeddings(model, row, pixels, size):
    """What the package puts in place of a row's ids: [1, T, D]. `size` is (height, width), as its training hands it on."""
    import torch
    dtype = model.get_model().embed_tokens.weight.dtype
    images = [torch.from_numpy(values).to(dtype).unsqueeze(0) for values in pixels]
    return model.prepare_inputs_labels_for_multimodal(torch.tensor([row]), None, None, None, None, images, None, [size])[4]


# --- stages and reductions -------------------------------------------------------------------------------------------------

STAGE_STEP = 41


def stage(tensors, name, value):
    """Keeps some rows of [N, D] and returns what the whole comes to."""
    import torch
    rows = list(range(0, len(value), STAGE_STEP)) + [len(value) - 1]
    tensors[name] = value[torch.tensor(rows)].float().contiguous()
    return {"rows": len(value), "fingerprint": common.base.fingerprint(value).tolist()}


def watched(model, row, pixels, size):
    """The embeddings, and what passed by: features of both towers, the connector's queries, chosen frames, sharpened frames."""
    import torch
    seen = {"tower.0": [], "tower.1": [], "connector": [], "frames": [], "sharp": []}
    inner = model.get_model()
    hook = inner.vision_sampler_0.register_forward_hook(lambda _, __, out: seen["connector"].append(out.flatten(0, -2)))
    select, encode, topk = model.select_frame, model.encode_images, torch.topk

    def encode_images(images, encode_type=None):
        made = encode(images, encode_type)
        seen["tower.1" if encode_type == "dino" else "tower.0"].append(made.flatten(0, 1))
        return made

    def select_frame(*arguments, **named):
        made = select(*arguments, **named)
        seen["frames"].append(torch.as_tensor(made[3][0]).tolist())
        return made

    def top(values, count):
        made = topk(values, count)
        seen["sharp"].append(sorted(made[1].tolist()))
        return made
    model.encode_images, model.select_frame, torch.topk = encode_images, select_frame, top
    try:
        return embeddings(model, row, pixels, size), seen
    finally:
        hook.remove()
        del model.encode_images, model.select_frame
        torch.topk = topk


def visual_of(embeds, row):
    at = row.index(VIDEO_ID)
    return embeds[0, at:embeds.shape[1] - (len(row) - at - 1)]


def connector_goldens(oracle, tensors):
    """Towers and connector of the first two clips."""
    made = []
    for number, clip in enumerate(oracle.clips[:2]):
        row = oracle.row(clip.question)
        _, seen = watched(oracle.exact, row, oracle.pixels(clip), (clip.height, clip.width))
        made.append({"clip": number} | {name: stage(tensors, f"{name}.{number}", seen[name][0]) for name in ("tower.0", "tower.1", "connector")})
    return made


def reduced_goldens(oracle, tensors):
    """What is kept of REDUCED_CLIPS when less and less fits."""
    row, config = oracle.row(REDUCED_QUESTION), oracle.exact.config
    for number, (clip, settings) in enumerate(REDUCED):
        seeds, height, width = REDUCED_CLIPS[clip]
        pixels = prepared([common.base.picture(height, width, seed) for seed in seeds], oracle.processors)
        before = {key: getattr(config, key) for key in settings}
        for key, value in settings.items():
            setattr(config, key, value)
        embeds, seen = watched(oracle.exact, row, pixels, (height, width))
        for key, value in before.items():
            setattr(config, key, value)
        visual = visual_of(embeds, row)
        yield {"seeds": seeds, "height": height, "width": width, "question": REDUCED_QUESTION, "row": len(row), "settings": settings,
               "frames": seen["frames"][0], "sharp": seen["sharp"][0] if seen["sharp"] else [], "count": len(visual),
               "visual": stage(tensors, f"reduced.{number}", visual)}


def function_goldens(oracle, tensors):
    """The package's functions on numbers of their own."""
    import torch
    from longvu.cambrian_arch import unmask_attention_mask, unpad_image
    unpadded = []
    for side in (8, 12, 24):
        for size in [(40, 60), (53, 37), (96, 128), (20, 300), (300, 20), (64, 64), (63, 64), (1080, 1920), (720, 405), (7, 90), (1, 8), (12, 11)]:
            places = torch.arange(side * side).reshape(1, side, side)
            cut = unpad_image(places, size)
            mask = unmask_attention_mask(torch.ones(1, side, side, dtype=torch.bool), size)
            unpadded.append({"side": side, "size": list(size), "shape": list(cut.shape[1:]), "first": int(cut.flatten()[0]) if cut.numel() else -1,
                             "masked": mask.int().sum().item(), "mask_first": mask.flatten().tolist().index(True) if mask.any() else -1})
    return {"unpadded": unpadded, "selected": selected_goldens(oracle, tensors)}


def drifting(frames, width, seed):
    """Features [frames, 1, width] that wander: neighbours are alike, now and then one is not."""
    import torch
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randn(frames, 1, width, generator=generator, dtype=torch.float64) * 0.35
    jumps = torch.rand(frames, 1, 1, generator=generator) < 0.08
    walk = torch.randn(1, 1, width, generator=generator, dtype=torch.float64) + torch.where(jumps, 6 * steps, steps).cumsum(0)
    return walk


def selected_goldens(oracle, tensors):
    """select_frame over features of many frames: windows, a last one that is short, the cap of 400."""
    import torch
    made = []
    for number, (frames, length, threshold) in enumerate([(15, 400, 0.83), (16, 400, 0.83), (37, 700, 0.83), (37, 2500, 0.83), (48, 600, 0.5),
                                                          (450, 900, 1.1), (900, 900, 0.97), (5, 100, 0.83), (1, 60, 0.83), (33, 500, -0.5)]):
        features = drifting(frames, 6, 900 + number).float().double()
        pictures = torch.arange(frames).double()
        before = oracle.exact.config.tokenizer_model_max_length
        oracle.exact.config.tokenizer_model_max_length = length
        kept = oracle.exact.select_frame(features, [frames], torch.zeros(1, 52, dtype=torch.long), [pictures, pictures], [(64, 64)], threshold=threshold)
        oracle.exact.config.tokenizer_model_max_length = before
        tensors[f"features.{number}"] = features.float().contiguous()
        made.append({"length": length, "row": 52, "threshold": threshold, "frames": kept[2][0].long().tolist()})
    return made


def published_counts():
    """Parameters of the three published models on the meta device, as far as the joined folder holds them."""
    import torch
    from longvu.language_model.cambrian_qwen import CambrianQwenForCausalLM
    from transformers import Dinov2Config, Dinov2Model, SiglipVisionConfig, SiglipVisionModel
    sizes = {"vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
             "num_key_value_heads": 4, "vision_hidden_size": 1024}
    config = configuration(10)
    for key, value in sizes.items():
        setattr(config, key, value)
    before = SIGLIP["hidden_size"], Dinov2Config.from_pretrained
    SIGLIP["hidden_size"] = 1152
    giant = Dinov2Config(hidden_size=1536, num_hidden_layers=40, num_attention_heads=24, image_size=518, patch_size=14, use_swiglu_ffn=True)
    Dinov2Config.from_pretrained = lambda name: giant
    try:
        with torch.device("meta"), silence():
            siglip = SiglipVisionModel(SiglipVisionConfig(hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16,
                                                          image_size=384, patch_size=14))
            models = {"model": CambrianQwenForCausalLM(config), "siglip": siglip, "dinov2": Dinov2Model(giant)}
    finally:
        SIGLIP["hidden_size"], Dinov2Config.from_pretrained = before
    left_out = ("vision_model.head.", "embeddings.mask_token")
    return {name: sum(p.numel() for n, p in model.named_parameters() if not n.startswith(left_out)) for name, model in models.items()}


# --- the package's own training pass ---------------------------------------------------------------------------------------

def padded_rows(oracle, pair, row):
    """Ids, labels and marks of both answers behind the prompt, as the collator pads them (without its filler ids)."""
    import torch
    rows = []
    for side in ("chosen", "rejected"):
        ids = pair[side]["ids"]
        rows.append((row + ids, [-100] * len(row) + ids, [-100] * len(row) + pair[side]["phrase"]))
    longest, pad = max(len(r[0]) for r in rows), oracle.tokenizer.convert_tokens_to_ids("<|endoftext|>")
    grown = [[r[k] + [(pad, -100, -100)[k]] * (longest - len(r[k])) for r in rows] for k in range(3)]
    ids, labels, signs = (torch.tensor(part) for part in grown)
    return ids, labels, signs, torch.tensor([[True] * len(r[0]) + [False] * (longest - len(r[0])) for r in rows])


def rrpo_agreement(oracle):
    """forward_mode="rrpo" and the package's loss against what families_common computes row by row, pair by pair."""
    import torch
    from longvu.losses import RRPO
    from peft import PeftModel
    model = PeftModel.from_pretrained(oracle.model(torch.float64), oracle.golden / "adapter", autocast_adapter_dtype=False).eval()
    settings = common.base.OBJECTIVES["rrpo"]
    worst = {"logits": 0.0, "loss": 0.0}
    for clip_number, question, chosen, rejected in oracle.pairs:
        clip = oracle.clips[clip_number]
        pair = {"clip": clip_number, "chosen": oracle.answer(chosen), "rejected": oracle.answer(rejected)}
        prompt = oracle.prompt(question, clip)
        ids, labels, signs, mask = padded_rows(oracle, pair, unfolded(prompt))
        images = [torch.from_numpy(v).double().unsqueeze(0).repeat(2, 1, 1, 1, 1) for v in oracle.pixels(clip)]

        def run():
            return model(input_ids=ids, labels=labels, signs=signs, attention_mask=mask, images=images,
                         image_sizes=[(clip.height, clip.width)] * 2, forward_mode="rrpo", use_cache=False)
        logits, targets, marks = run()
        with model.disable_adapter():
            reference = run()[0]
        theirs, _ = RRPO(settings["alpha"], settings["beta"])({"logits": logits, "targets": targets, "signs": marks}, {"logits": reference}, 0, 1)
        stats = []
        for number, side in enumerate(("chosen", "rejected")):
            rows = oracle.answer_logits(model, clip, prompt, pair[side]["ids"])
            own = logits[number][:-1][targets[number][1:] != -100]
            worst["logits"] = max(worst["logits"], float((own - rows).abs().max() / rows.abs().max()))
            stats.append(common.statistics(oracle, model, pair, side, prompt))
        total, _ = common.base.losses("rrpo", [stats], [pair])
        worst["loss"] = max(worst["loss"], abs(float(theirs) - float(total)) / abs(float(total)))
    assert worst["logits"] < 1e-9 and worst["loss"] < 1e-9, f"the package's training pass says otherwise: {worst}"
    return "forward_mode=\"rrpo\" and the package's loss give the same numbers, to 1e-9"


# --- files -----------------------------------------------------------------------------------------------------------------

def ensure_packages():
    """Runs this script again inside its virtual environment when its packages are missing here."""
    try:
        import einops, numpy, peft, PIL, torch, transformers  # noqa: E401, F401
        if transformers.__version__.startswith("4.42."):
            return
    except ImportError:
        pass
    python = ROOT / ".venv-oracle-longvu" / "bin" / "python"
    if Path(sys.prefix) == python.parent.parent:
        subprocess.check_call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(python.parent.parent)])
    os.execv(python, [str(python), *sys.argv])


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--rrpo-source", type=Path, help="checkout of the authors' repository")
    arguments, rest = parser.parse_known_args()
    if "-h" in rest or "--help" in rest:
        print(__doc__ + "\nusage: longvu.py --rrpo-source DIR [--check] [--new] [--out FOLDER]")
        return
    if arguments.rrpo_source is None:
        parser.error("--rrpo-source is missing")
    check_source(arguments.rrpo_source)
    with tempfile.TemporaryDirectory() as cache:
        os.environ |= {"HF_HOME": cache, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "OMP_NUM_THREADS": "1"}
        ensure_packages()
        open_package(arguments.rrpo_source)
        lift_casts()
        sys.argv = [sys.argv[0], *rest]
        common.run(LongVu)


if __name__ == "__main__":
    main()
