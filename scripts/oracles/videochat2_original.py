"""The authors' VideoChat2-Mistral out of a clone of pritamqu/RRPO, on the CPU: what wordpiece.py and videochat2.py run.

Their code asks for transformers 4.40, timm 0.9 and peft 0.10; other releases have moved what it imports. Nothing of the clone is
changed: modules that it imports and does not need here (video readers, wandb) are empty, `models/__init__.py`, which imports every
model of that repository, is passed over, and the names of hub repositories and of the GPU are answered with folders and the CPU.
"""
import importlib
import os
import subprocess
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COMMIT = "a905573"
# The wheel of torch links the CUDA libraries: see onevision.PACKAGES.
PACKAGES = ["torch==2.11.0", "torchvision==0.26.0", "transformers==4.40.2", "timm==0.9.16", "peft==0.10.0", "accelerate==0.30.1",
            "tokenizers==0.19.1", "sentencepiece==0.2.0", "protobuf==7.36.2", "safetensors==0.8.0", "einops==0.8.2", "Pillow==11.2.1",
            "numpy==1.26.4"]


def ensure_packages():
    """Runs the script again inside the virtual environment when these packages are missing here."""
    try:
        import peft, timm, torch, transformers  # noqa: E401, F401
        if transformers.__version__ == "4.40.2":
            return
    except ImportError:
        pass
    python = ROOT / ".venv-oracle-videochat2" / "bin" / "python"
    if Path(sys.prefix) == python.parent.parent:
        subprocess.check_call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(python.parent.parent)])
    os.execv(python, [str(python), *sys.argv])


def versions():
    import numpy, peft, PIL, timm, tokenizers, torch, transformers  # noqa: E401
    return {m.__name__: m.__version__ for m in (torch, transformers, peft, tokenizers, timm, PIL, numpy)} | {"RRPO": COMMIT}


def bert_tokenizer(vocabulary):
    """As Blip2Base.init_tokenizer makes it of bert-base-uncased's vocab.txt."""
    from transformers import BertTokenizer
    tokenizer = BertTokenizer(str(vocabulary), truncation_side="left")
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    return tokenizer


def empty_module(name, **content):
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module
    return module


def package(name, folder, **content):
    """A package whose modules are found in `folder`, without running its __init__.py."""
    module = empty_module(name, **content)
    module.__path__ = [str(folder)]
    return module


def masks_of_doubles():
    """transformers 4.40 fills a float32 tensor with the least float64, which torch 2.11 refuses: the least float32 does as well."""
    import torch
    from transformers.modeling_attn_mask_utils import AttentionMaskConverter
    make = AttentionMaskConverter._make_causal_mask

    def make_any(shape, dtype, **rest):
        return make(shape, torch.float32, **rest).to(dtype)
    AttentionMaskConverter._make_causal_mask = staticmethod(make_any)


def keep_doubles():
    """Logits of a decoder in float64 stay so: transformers 4.40 rounds them to float32."""
    import inspect
    import textwrap
    from transformers.models.mistral import modeling_mistral
    code, cast, own = textwrap.dedent(inspect.getsource(modeling_mistral.MistralForCausalLM.forward)), "logits = logits.float()", {}
    assert code.count(cast) == 1
    exec(code.replace(cast, "logits = logits if logits.dtype == torch.float64 else logits.float()"), modeling_mistral.__dict__, own)
    modeling_mistral.MistralForCausalLM.forward = own["forward"]


class Original:
    """The modules of a clone: `model` (VideoChat2_RRPO_Mistral), `helper` (load_videochat2.py), `losses`, `dataset`."""

    def __init__(self, source):
        masks_of_doubles()
        keep_doubles()
        folder = self.folder = Path(source) / "videochat2"
        empty_module("decord", bridge=types.SimpleNamespace(set_bridge=lambda name: None), VideoReader=None, cpu=None)
        for name in ("imageio", "cv2", "wandb"):
            empty_module(name)
        sys.path.insert(0, str(folder))
        package("models", folder / "models")
        package("dataset", folder / "dataset")
        self.blip2 = importlib.import_module("models.blip2.blip2")
        self.model = importlib.import_module("models.videochat_mistra.videochat2_rrpo_mistral")
        self.losses = importlib.import_module("losses")
        self.easydict = importlib.import_module("utils.easydict").EasyDict
        inference = importlib.import_module("models.videochat_mistra.videochat2_it_mistral")
        package("videochat2", folder)
        package("videochat2.dataset", folder / "dataset")
        package("videochat2.models", folder / "models", VideoChat2_it_mistral=inference.VideoChat2_it_mistral)
        self.helper = types.ModuleType("load_videochat2")
        file = folder / "load_videochat2.py"
        exec(compile(file.read_text().replace('"cuda:0"', '"cpu"'), str(file), "exec"), self.helper.__dict__)
        self.dataset = self.conversation_class(folder)
        self.system = self.instruction_of(Path(source) / "inference.py")

    @staticmethod
    def conversation_class(folder):
        """ITImgTrainDataset_mistral, whose process_qa writes the conversations of training; its readers of videos are not imported."""
        empty_module("dataset.base_dataset", ImageVideoBaseDataset=object)
        empty_module("dataset.video_utils", VIDEO_READER_FUNCS={})
        return importlib.import_module("dataset.it_dataset_mistral").ITImgTrainDataset_mistral

    @staticmethod
    def instruction_of(file):
        """The text that inference.py gives as `system`."""
        import ast
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "system_msg":
                return ast.literal_eval(node.value)
        raise SystemExit(f"{file}: no system_msg")

    def build(self, settings, mistral, bert, dtype, decoder=None):
        """VideoChat2_RRPO_Mistral as load_pretrained_model of train_videochat2.py makes it, before its last stage is loaded.
        `decoder` stands in for the folder `mistral`, which then holds nothing."""
        from transformers import AutoModelForCausalLM, AutoTokenizer, BertConfig, BertTokenizer

        class Local:
            def __init__(self, of, folder, **fixed):
                self.of, self.folder, self.fixed = of, folder, fixed

            def from_pretrained(self, name, **rest):
                return self.of.from_pretrained(self.folder, **(rest | self.fixed))
        self.blip2.BertTokenizer = Local(BertTokenizer, bert)
        self.blip2.BertConfig = Local(BertConfig, bert)
        self.model.AutoModelForCausalLM, self.model.AutoTokenizer = Local(AutoModelForCausalLM, mistral, torch_dtype=dtype), AutoTokenizer
        if decoder is not None:
            self.model.AutoModelForCausalLM = types.SimpleNamespace(from_pretrained=lambda *name, **rest: decoder)
            self.model.AutoTokenizer = types.SimpleNamespace(from_pretrained=lambda *name: types.SimpleNamespace(pad_token="</s>"))
        return self.model.VideoChat2_RRPO_Mistral(self.easydict(settings | {"mistral_model_path": str(mistral)}))

    def last_stage(self, model):
        """Puts the LoRA of stage 3 on the decoder, as load_pretrained_model does."""
        from peft import LoraConfig, TaskType, get_peft_model
        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"]
        model.mistral_model = get_peft_model(model.mistral_model, LoraConfig(
            task_type=TaskType.CAUSAL_LM, inference_mode=False, r=16, lora_alpha=32, lora_dropout=0., target_modules=targets))
