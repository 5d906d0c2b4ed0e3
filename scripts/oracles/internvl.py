#!/usr/bin/env python3
"""Writes tests/golden/internvl/ and tests/golden/internvl3/: what transformers and PEFT make of InternVL checkpoints.

    python3 scripts/oracles/internvl.py                     both: `internvl` has a Qwen3 decoder (InternVL3.5), `internvl3` a Qwen2
    python3 scripts/oracles/internvl.py --check             computes everything again and compares with what is committed
    python3 scripts/oracles/internvl.py --new               makes the random checkpoints and the adapters anew as well
    python3 scripts/oracles/internvl.py --counts            prints the parameter counts of the published models
    python3 scripts/oracles/internvl.py … --internvl-source DIR   DIR is a clone of OpenGVLab/InternVL (2410d1d): its tower and
                                                            projector must see the same in `layout`, and its prompts are kept

The form of the files is families_common.py's. Besides: `layout` holds the same weights of `internvl3` as OpenGVLab's own
repository stores them (config.json and model.safetensors with fused qkv), by the table in transformers' conversion script.
"""
import ast
import importlib.util
import json
import subprocess
import sys
import types
from pathlib import Path

import families_common as common

TEMPLATE = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n'}}{% if message['content'] is string %}"
            "{{ message['content'] }}{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' %}"
            "{{ '<IMG_CONTEXT>\\n' }}{% elif content['type'] == 'video' %}{{ '<video>\\n' }}{% elif content['type'] == 'text' %}"
            "{{ content['text'] }}{% endif %}{% endfor %}{% endif %}{{'<|im_end|>\\n'}}{% endfor %}"
            "{% if add_generation_prompt %}{{'<|im_start|>assistant\\n' }}{% endif %}")
SIDE, SEQUENCE = 30, 9  # a frame is 30 x 30 pixels, 6 x 6 patches, 9 visual tokens
PIXELS = {"size": {"height": SIDE, "width": SIDE}, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
STILLS = [(30, 30), (20, 200), (200, 20), (45, 90), (90, 45), (64, 64), (31, 62), (100, 100), (29, 88), (150, 61), (16, 17)]
VISION = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 26, "image_size": [SIDE, SIDE],
          "patch_size": [5, 5], "layer_norm_eps": 1e-4, "attention_bias": True}
TEXT = {"hidden_size": 36, "intermediate_size": 38, "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5, "max_position_embeddings": 512, "rope_parameters": {"rope_type": "default", "rope_theta": 777.0}}


class InternVL(common.FamilyOracle):
    name = "internvl"
    clips = [*common.CLIPS, common.Clip(1, 61, 95, 31, "What does the picture show?", still=True)]
    adapters = {"adapter": (3, 7), "adapter_vision": (2, 5)}
    seed = 20274

    @classmethod
    def text_config(cls, vocabulary):
        from transformers import Qwen3Config
        return Qwen3Config(vocab_size=vocabulary, head_dim=10, tie_word_embeddings=False, **TEXT)

    @classmethod
    def make(cls, folder):
        from transformers import InternVLConfig, InternVLForConditionalGeneration, InternVLProcessor, InternVLVideoProcessor
        from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
        tokenizer = common.toy_tokenizer(["<img>", "</img>", "<IMG_CONTEXT>"], {
            "start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>", "video_token": "<video>"})
        text = cls.text_config(len(tokenizer) + 3)
        config = InternVLConfig(vision_config=VISION, text_config=text.to_dict(), image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
                                image_seq_length=SEQUENCE, tie_word_embeddings=text.tie_word_embeddings)
        model = InternVLForConditionalGeneration(config)
        common.base.randomise(model, cls.seed)
        model.generation_config.eos_token_id = [tokenizer.convert_tokens_to_ids(t) for t in ("<|im_end|>", "<|endoftext|>")]
        model.save_pretrained(folder)
        InternVLProcessor(GotOcr2ImageProcessorPil(**PIXELS, min_patches=1, max_patches=5), tokenizer, InternVLVideoProcessor(**PIXELS),
                          image_seq_length=SEQUENCE, chat_template=TEMPLATE).save_pretrained(folder)

    def open(self):
        from transformers import AutoProcessor
        self.processor = AutoProcessor.from_pretrained(self.checkpoint)
        self.tokenizer = self.processor.tokenizer
        self.visual_ids = {self.processor.image_token_id}

    def model(self, dtype, folder=None):
        from transformers import InternVLForConditionalGeneration
        return InternVLForConditionalGeneration.from_pretrained(folder or self.checkpoint, dtype=dtype, attn_implementation="sdpa").eval()

    def pixels(self, clip):
        from PIL import Image
        from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
        settings = json.loads((self.checkpoint / "processor_config.json").read_text())["image_processor" if clip.still else "video_processor"]
        kept = {k: settings[k] for k in ("size", "image_mean", "image_std", "resample", "rescale_factor", "min_patches", "max_patches") if k in settings}
        prepare = GotOcr2ImageProcessorPil(crop_to_patches=clip.still, **kept)
        return [prepare(images=[Image.fromarray(p) for p in clip.pictures()], return_tensors="np")["pixel_values"]]

    def prompt(self, question, clip):
        import numpy as np
        from PIL import Image
        content = [{"type": "image" if clip.still else "video"}, {"type": "text", "text": question}]
        text = self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        media = {"images": [Image.fromarray(clip.pictures()[0])]} if clip.still else {"videos": [np.stack(clip.pictures())]}
        return [int(one) for one in self.processor(text=[text], **media)["input_ids"][0]]

    def values(self, model, clip):
        import torch
        return torch.from_numpy(self.pixels(clip)[0]).to(model.get_input_embeddings().weight.dtype)

    def visual(self, model, clip):
        return model.model.get_image_features(self.values(model, clip)).pooler_output.flatten(0, 1), []

    def forward(self, model, clip, sequence):
        import torch
        return model(input_ids=torch.tensor([sequence]), pixel_values=self.values(model, clip)).logits[0]

    def adapter_targets(self, model, adapter):
        decoder = super().adapter_targets(model, adapter)
        if adapter == "adapter":
            return decoder
        leaves = ("attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.projection_layer", "mlp.fc1", "mlp.fc2",
                  "multi_modal_projector.linear_1", "multi_modal_projector.linear_2")
        return decoder + [n for n, _ in model.named_modules() if n.endswith(leaves) and "language_model" not in n]

    def more(self, tensors):
        """Stills of many sizes: how many tiles, and their bytes."""
        stills = []
        for i, (height, width) in enumerate(STILLS):
            values = self.pixels(common.Clip(1, height, width, 40 + i, "", still=True))[0]
            stills.append({"height": height, "width": width, "seed": 40 + i, "pixels": common.pixels_json(values)})
        return {"stills": stills}

    def stages(self):
        layer = "vision_tower.encoder.layer."
        cut = [{"name": f"layers_{n}", "set": {"/vision_config/num_hidden_layers": n}, "without": [f"{layer}{i}." for i in range(n, 3)]}
               for n in (0, 1, 2)]
        biases = [f"{layer}{i}.layernorm_{at}.bias" for i in range(3) for at in ("before", "after")]
        norms = {f"{layer}{i}.attention.{x}_norm.weight": f"{layer}{i}.layernorm_{at}.weight" for i in range(3) for x, at in (("q", "after"), ("k", "before"))}
        heads = [f"{layer}{i}.attention.{x}_proj.bias" for i in range(3) for x in "qkv"]
        return cut + [
            {"name": "select_layer", "set": {"/vision_feature_layer": -2}, "without": []},
            {"name": "rms_norm", "set": {"/vision_config/norm_type": "rms_norm"}, "without": biases},
            {"name": "tower_of_6b", "without": biases + heads, "copy": norms,
             "set": {"/vision_config/norm_type": "rms_norm", "/vision_config/use_qk_norm": True, "/vision_config/attention_bias": False}}]


class InternVL3(InternVL):
    """A Qwen2 decoder whose embedding is its head."""
    name = "internvl3"
    clips = common.CLIPS[:2]
    adapters = {"adapter": (3, 7)}
    whole = False
    seed = 20272

    @classmethod
    def text_config(cls, vocabulary):
        from transformers import Qwen2Config
        dynamic = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 777.0}  # as the published ones have: it never begins
        return Qwen2Config(vocab_size=vocabulary, tie_word_embeddings=True, **TEXT | {"rope_parameters": dynamic})

    @classmethod
    def make(cls, folder):
        super().make(folder)
        write_layout(folder, folder.parent / "layout")

    def stages(self):
        return []

    @classmethod
    def options(cls, parser):
        parser.add_argument("--internvl-source", type=Path, help="a clone of OpenGVLab/InternVL, whose own code is asked too")

    def more(self, tensors):
        """What OpenGVLab's own code makes of the same model; without a clone what is committed stays."""
        if self.arguments.internvl_source is None:
            committed = self.golden / "golden.json"
            return {"own": json.loads(committed.read_text()).get("own")} if committed.exists() else {}
        return {"own": OwnCode(self.arguments.internvl_source).goldens(self, tensors)}


def write_layout(checkpoint, folder):
    """The same model as OpenGVLab stores its own: names and qkv in one tensor, llm_config, keys of InternViT."""
    import torch
    from safetensors.torch import load_file, save_file
    folder.mkdir(parents=True, exist_ok=True)
    tensors = load_file(checkpoint / "model.safetensors")
    renames = [("vision_tower.embeddings.cls_token", "vision_model.embeddings.class_embedding"),
               ("vision_tower.embeddings.position_embeddings", "vision_model.embeddings.position_embedding"),
               ("vision_tower.embeddings.patch_embeddings.projection", "vision_model.embeddings.patch_embedding"),
               ("vision_tower.encoder.layer", "vision_model.encoder.layers"), ("attention.projection_layer", "attn.proj"),
               ("layernorm_before", "norm1"), ("layernorm_after", "norm2"), ("lambda_", "ls"),
               ("multi_modal_projector.layer_norm", "mlp1.0"), ("multi_modal_projector.linear_1", "mlp1.1"), ("multi_modal_projector.linear_2", "mlp1.3")]
    out = {}
    for name, value in tensors.items():
        if ".attention.q_proj" in name and name.startswith("vision_tower"):
            parts = [tensors[name.replace("q_proj", f"{x}_proj")] for x in "qkv"]
            out[name.replace("vision_tower.encoder.layer", "vision_model.encoder.layers").replace("attention.q_proj", "attn.qkv")] = torch.cat(parts)
            continue
        if name.startswith("vision_tower") and (".attention.k_proj" in name or ".attention.v_proj" in name):
            continue
        for old, new in renames:
            if old.startswith(("vision_tower", "multi_modal")):
                name = new + name[len(old):] if name.startswith(old) else name
            elif name.startswith("vision_"):
                name = name.replace(old, new)
        out[name] = value.clone()
    save_file(out, folder / "model.safetensors", metadata={"format": "pt"})
    ours = json.loads((checkpoint / "config.json").read_text())
    vision, text = ours["vision_config"], ours["text_config"]
    config = {"architectures": ["InternVLChatModel"], "model_type": "internvl_chat", "downsample_ratio": 0.5, "dynamic_image_size": True,
              "force_image_size": SIDE, "max_dynamic_patch": 5, "min_dynamic_patch": 1, "ps_version": "v2", "select_layer": -1,
              "template": "internvl2_5", "tie_word_embeddings": text["tie_word_embeddings"], "use_thumbnail": True,
              "llm_config": {k: text[k] for k in ("hidden_size", "intermediate_size", "max_position_embeddings", "num_attention_heads", "vocab_size",
                                                  "num_hidden_layers", "num_key_value_heads", "rms_norm_eps", "tie_word_embeddings", "hidden_act")}
              | {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "rope_theta": 777.0,
                 "rope_scaling": {"factor": 2.0, "rope_type": "dynamic", "type": "dynamic"}, "use_sliding_window": False},
              "vision_config": {"architectures": ["InternVisionModel"], "model_type": "intern_vit_6b", "image_size": SIDE, "patch_size": 5,
                                "qkv_bias": True, "qk_normalization": False, "norm_type": "layer_norm"}
              | {k: vision[k] for k in ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "layer_norm_eps", "hidden_act")}}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


class OwnCode:
    """OpenGVLab's tower, pixel shuffle and conversation, taken out of a clone. The whole chat model asks for decoders that
    transformers 5 does not run."""

    def __init__(self, source):
        self.source = source / "internvl_chat" / "internvl"
        self.commit = subprocess.check_output(["git", "-C", str(source), "rev-parse", "HEAD"], text=True).strip()
        for name, members in {"einops": ["rearrange"], "timm": [], "timm.models": [], "timm.models.layers": ["DropPath"]}.items():
            stub = sys.modules.setdefault(name, types.ModuleType(name))  # asked for by the import only
            for member in members:
                setattr(stub, member, None)
        package = types.ModuleType("own")
        package.__path__ = [str(self.source / "model" / "internvl_chat")]
        sys.modules["own"] = package
        self.configuration = self.module("own.configuration_intern_vit", "model/internvl_chat/configuration_intern_vit.py")
        self.vit = self.module("own.modeling_intern_vit", "model/internvl_chat/modeling_intern_vit.py")
        self.conversation = self.module("own_conversation", "conversation.py")

    def module(self, name, file):
        spec = importlib.util.spec_from_file_location(name, self.source / file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    def pixel_shuffle(self, x, scale):
        """The chat model's method, alone."""
        tree = ast.parse((self.source / "model" / "internvl_chat" / "modeling_internvl_chat.py").read_text())
        method = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "pixel_shuffle")
        space = {}
        exec(compile(ast.Module([method], []), "pixel_shuffle", "exec"), space)
        return space["pixel_shuffle"](types.SimpleNamespace(ps_version="v2"), x, scale)

    def visual(self, folder, pixels):
        """Visual tokens [N, D] in float64: embeddings, layers, shuffle, mlp1."""
        import torch
        from safetensors.torch import load_file
        config = json.loads((folder / "config.json").read_text())
        weights = {k: v.double() for k, v in load_file(folder / "model.safetensors").items()}
        tower = self.vit.InternVisionModel(self.configuration.InternVisionConfig(use_flash_attn=False, **config["vision_config"])).double().eval()
        tower.load_state_dict({k[len("vision_model."):]: v for k, v in weights.items() if k.startswith("vision_model.")})
        x = tower.embeddings(torch.from_numpy(pixels).double())
        for layer in tower.encoder.layers:
            x = layer(x)
        side = int(x[:, 1:].shape[1] ** 0.5)
        x = self.pixel_shuffle(x[:, 1:].reshape(x.shape[0], side, side, -1), config["downsample_ratio"]).flatten(1, 2)
        mlp1 = {k[len("mlp1."):]: v for k, v in weights.items() if k.startswith("mlp1.")}
        x = torch.nn.functional.layer_norm(x, x.shape[-1:], mlp1["0.weight"], mlp1["0.bias"])
        x = torch.nn.functional.gelu(torch.nn.functional.linear(x, mlp1["1.weight"], mlp1["1.bias"]))
        return torch.nn.functional.linear(x, mlp1["3.weight"], mlp1["3.bias"]).flatten(0, 1)

    def prompt(self, oracle, question, clip):
        """chat(): frames as its README and evaluation scripts name them, `<image>` replaced one by one."""
        template = self.conversation.get_conv_template("internvl2_5")
        frames = "\n".join(f"Frame{i + 1}: <image>" for i in range(clip.frames))
        template.append_message(template.roles[0], f"{frames}\n{question}")
        template.append_message(template.roles[1], None)
        query = template.get_prompt()
        for _ in range(clip.frames):
            query = query.replace("<image>", "<img>" + "<IMG_CONTEXT>" * SEQUENCE + "</img>", 1)
        return oracle.tokenizer(query, add_special_tokens=False)["input_ids"]

    def goldens(self, oracle, tensors):
        import torch
        with torch.no_grad():
            for i, clip in enumerate(oracle.clips):
                theirs = self.visual(oracle.checkpoint.parent / "layout", oracle.pixels(clip)[0])
                difference = float((theirs - tensors[f"visual.{i}"].double()).abs().max() / theirs.abs().max())
                assert difference < 1e-6, f"OpenGVLab's tower sees otherwise: {difference}"
        asked = [(i % len(oracle.clips), question) for i, question in enumerate(common.QUESTIONS)]
        return {"commit": self.commit, "prompts": [{"clip": at, "question": question,
                                                    "ids": oracle.folded(self.prompt(oracle, question, oracle.clips[at]))} for at, question in asked]}


# Width, feed-forward, layers, heads, kv heads, vocabulary of the decoders [recalled from the published config.json files].
PUBLISHED = {
    "InternVL3-1B": ("qwen2", 896, 4864, 24, 14, 2, 151674, False), "InternVL3-2B": ("qwen2", 1536, 8960, 28, 12, 2, 151674, False),
    "InternVL3-8B": ("qwen2", 3584, 18944, 28, 28, 4, 151674, False), "InternVL3-14B": ("qwen2", 5120, 13824, 48, 40, 8, 151674, False),
    "InternVL3_5-1B": ("qwen3", 1024, 3072, 28, 16, 8, 151936, False), "InternVL3_5-2B": ("qwen3", 2048, 6144, 28, 16, 8, 151936, False),
    "InternVL3_5-4B": ("qwen3", 2560, 9728, 36, 32, 8, 151936, False), "InternVL3_5-8B": ("qwen3", 4096, 12288, 36, 32, 8, 151936, False),
    "InternVL3_5-14B": ("qwen3", 5120, 17408, 40, 40, 8, 151936, False)}


def counts():
    from transformers import InternVLConfig, InternVLForConditionalGeneration
    for name, (kind, width, inner, layers, heads, kv, vocabulary, tied) in PUBLISHED.items():
        text = {"model_type": kind, "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads,
                "num_key_value_heads": kv, "vocab_size": vocabulary, "tie_word_embeddings": tied} | ({"head_dim": 128} if kind == "qwen3" else {})
        config = InternVLConfig(vision_config={"attention_bias": True}, text_config=text, tie_word_embeddings=tied)
        print(name, common.parameter_count(lambda: InternVLForConditionalGeneration(config)))


def main():
    common.base.ensure_packages()
    if "--counts" in sys.argv:
        counts()
        return
    from transformers.models.internvl.modeling_internvl import InternVLVisionRMSNorm
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm
    from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm
    InternVL.options = InternVL3.options
    for family in (InternVL, InternVL3):
        family.rms_norms = [Qwen2RMSNorm, Qwen3RMSNorm, InternVLVisionRMSNorm]
        common.run(family)


if __name__ == "__main__":
    main()
