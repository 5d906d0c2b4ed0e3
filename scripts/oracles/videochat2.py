#!/usr/bin/env python3
"""Writes tests/golden/videochat2/: what the authors' own code makes of a VideoChat2-Mistral checkpoint, for the C++ tests.

    python3 scripts/oracles/videochat2.py --rrpo-source DIR             computes the golden files
    python3 scripts/oracles/videochat2.py --rrpo-source DIR --check     computes them again and compares with the committed ones
    python3 scripts/oracles/videochat2.py --rrpo-source DIR --new       makes the random checkpoint and the adapter anew as well

DIR is a checkout of the authors' repository at COMMIT; videochat2_original.py says how it is run. Run it with any Python 3.11: it
makes its own virtual environment .venv-oracle-videochat2 when packages are missing.

The checkpoint is made in the three pieces of the published one (pickle of the last stage, Mistral's folder, BERT's) and joined by
scripts/convert_checkpoint.py; tests/convert/convert_test.py takes it apart and joins it again. The original is built from the
joined folder's values: its last stage's LoRA is loaded and merged by PEFT as the authors' loaders do. Video frames are 80 x 80,
5 x 5 patches: the table of places is interpolated over rows and columns too.

The form of the files is families_common.py's, with the prompt and the pixels of the authors' inference. Besides, `read`: visual
tokens of one clip for several instructions; and `training`: pairs through VideoChat2_RRPO_Mistral's own forward in mode `rrpo`
and the authors' loss class, with the vector of ones in front (`ones`) and with the embedding of <s> in its place (`begin`). The
pairs go one by one, their gradients add up: in a batch the original pads instructions on the left and so moves the words of all but
the longest to other positions of the Q-Former.
"""
import argparse
import io
import json
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import families_common as common  # noqa: E402
import videochat2_original as original  # noqa: E402
from llava_qwen import check_source  # noqa: E402

ROOT = common.ROOT
SIDE, SEED = 80, 20281
TOWER = {"name": "vit_l14", "img_size": SIDE, "patch_size": 16, "d_model": 24, "encoder_embed_dim": 24, "encoder_depth": 4,
         "encoder_num_heads": 3, "drop_path_rate": 0.0, "num_frames": 4, "tubelet_size": 1, "use_checkpoint": False, "checkpoint_num": 0,
         "pretrained": "", "return_index": -2, "vit_add_ln": True, "ckpt_num_frame": 4}
SETTINGS = {"vision_encoder": TOWER, "vit_blip_model_path": None, "videochat2_model_path": "", "freeze_vit": False, "freeze_qformer": False,
            "max_txt_len": 512, "low_resource": False, "num_query_token": 40, "qformer_hidden_dropout_prob": 0.1,
            "qformer_attention_probs_dropout_prob": 0.1, "qformer_drop_path_rate": 0.2, "extra_num_query_token": 56, "qformer_text_input": True,
            "use_flash_attention": False, "use_lora": False}
BERT = {"model_type": "bert", "hidden_act": "gelu", "hidden_size": 20, "intermediate_size": 28, "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512, "num_attention_heads": 4, "num_hidden_layers": 3, "pad_token_id": 0}
PIECES = 420
TOKENIZER = {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": None,
             "legacy": True, "tokenizer_class": "LlamaTokenizer", "clean_up_tokenization_spaces": False, "sp_model_kwargs": {}}
READ = ["", "Watch the red square carefully.", "Watch the blue square carefully.", "Describe [SEP] the video: " + "what moves, " * 200]
# instruction, question, chosen, rejected: replacements of one and of several tokens, what one side lacks, other answers altogether
TRAINING = [("", "Which way does the first object move?", "It moves to the right.", "It moves to the left and up."),
            ("Look closely.", "What is shown?", "A red square and a blue circle move up.", "A green square and a blue star move up."),
            ("", "Describe the video.", "The square stands still.", "The square stands."),
            ("Answer briefly.", "Is it red?", "Yes", "No, it is blue: a circle appears in the corner, then a second one.")]
RRPO = {"alpha": 0.01, "beta": 0.9}  # scripts/videochat2/run.sh


# --- the random checkpoint ---------------------------------------------------------------------------------------------------

def train_pieces(file):
    """A sentencepiece model of Mistral's kind: BPE with byte fallback and no control pieces but <s> and </s>."""
    import sentencepiece
    sys.path.insert(0, str(ROOT / "scripts"))
    import train_toy_tokenizer
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([s.strip() for s in train_toy_tokenizer.corpus()][:4000]), model_writer=out, model_type="bpe",
        vocab_size=PIECES, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True, split_digits=True, character_coverage=0.995, num_threads=1, minloglevel=2)
    file.write_bytes(out.getvalue())


def randomise(model, seed):
    """Values large enough that every part shows in the logits."""
    import torch
    generator = torch.Generator().manual_seed(seed)
    tables = ("embed_tokens", "word_embeddings", "position_embeddings", "query_tokens")
    with torch.no_grad():
        for name, p in model.named_parameters():
            value = torch.randn(p.shape, generator=generator)
            if p.dim() == 1:
                p.copy_((1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0) + 0.2 * value)
            elif "lora_B" in name:
                p.copy_(0.1 * value)
            else:
                p.copy_(value * (1.0 if any(t in name for t in tables) else 1.3 / math.sqrt(p[0].numel())))


def write_bert(folder, words):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(BERT | {"vocab_size": len(words.read_text().splitlines())}))
    shutil.copyfile(words, folder / "vocab.txt")


def make_pieces(source, work):
    """The published model's three pieces, of random values, below `work`."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM
    mistral = work / "mistral"
    write_bert(work / "bert", ROOT / "tests" / "golden" / "wordpiece" / "vocab.txt")
    config = MistralConfig(vocab_size=PIECES, hidden_size=36, intermediate_size=38, num_hidden_layers=3, num_attention_heads=6,
                           num_key_value_heads=2, rms_norm_eps=1e-5, rope_theta=777.0, sliding_window=None, max_position_embeddings=2048)
    decoder = MistralForCausalLM(config)
    randomise(decoder, SEED)
    decoder.save_pretrained(mistral)
    train_pieces(mistral / "tokenizer.model")
    (mistral / "tokenizer_config.json").write_text(json.dumps(TOKENIZER, indent=2) + "\n")
    model = source.build(SETTINGS, mistral, work / "bert", torch.float32)
    source.last_stage(model)
    kept = {n: p.clone() for n, p in decoder.named_parameters()}
    randomise(model, SEED + 1)
    frozen = {n for n, p in model.named_parameters() if n.startswith("mistral_model.") and "lora_" not in n}
    assert len(frozen) == len(kept)
    torch.save({"model": {n: t for n, t in model.state_dict().items() if n not in frozen}, "epoch": 3}, work / "stage3.pth")
    (work / "config_mistral.json").write_text(json.dumps({"model": SETTINGS, "device": "cpu"}))


def unite(folder):
    """One file in place of shards: smaller models are made of it."""
    from safetensors.torch import load_file, save_file
    index = folder / "model.safetensors.index.json"
    tensors = {}
    for shard in sorted(set(json.loads(index.read_text())["weight_map"].values())):
        tensors |= load_file(folder / shard)
        (folder / shard).unlink()
    index.unlink()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


# --- the family --------------------------------------------------------------------------------------------------------------

class VideoChat2(common.FamilyOracle):
    name = "videochat2"
    source = None  # an Original
    clips = [*common.CLIPS, common.Clip(1, 61, 95, 31, "What does the picture show?"), common.Clip(4, 90, 70, 3, "")]
    end_of_turn = "</s>"
    visual_ids = {-1}

    @classmethod
    def make(cls, folder):
        with tempfile.TemporaryDirectory() as place:
            work = Path(place)
            make_pieces(cls.source, work)
            subprocess.check_call([sys.executable, str(ROOT / "scripts" / "convert_checkpoint.py"), str(work / "stage3.pth"), str(folder), "--mistral",
                                   str(work / "mistral"), "--bert", str(work / "bert"), "--settings", str(work / "config_mistral.json")])
        unite(folder)

    def open(self):
        import sentencepiece
        from transformers import AutoTokenizer
        from transformers.models.mistral.modeling_mistral import MistralRMSNorm
        self.rms_norms = [MistralRMSNorm]
        self.tokenizer = AutoTokenizer.from_pretrained(self.checkpoint, config=None)
        # of bytes that are no UTF-8 the library writes as many U+FFFD as there are, transformers one for each of the whole run
        library = sentencepiece.SentencePieceProcessor(model_file=str(self.checkpoint / "tokenizer.model"))
        self.tokenizer.decode = lambda ids, **rest: library.decode(ids)
        self.seen = {}

    def videochat(self, dtype, folder=None):
        """VideoChat2_RRPO_Mistral with the values of the joined folder, its last stage merged in `dtype`."""
        import torch
        from safetensors.torch import load_file, save_file
        folder = folder or self.checkpoint
        config = json.loads((folder / "config.json").read_text())
        tensors = load_file(folder / "model.safetensors")
        with tempfile.TemporaryDirectory() as place:
            mistral, bert = Path(place) / "mistral", Path(place) / "bert"
            write_bert(bert, folder / "bert_vocab.txt")
            (bert / "config.json").write_text(json.dumps(json.loads((bert / "config.json").read_text()) | {
                "num_hidden_layers": config["qformer_config"]["num_hidden_layers"]}))
            mistral.mkdir()
            (mistral / "config.json").write_text(json.dumps(config["text_config"]))
            for file in folder.glob("tokenizer*"):
                shutil.copyfile(file, mistral / file.name)
            save_file({n: t for n, t in tensors.items() if n.startswith(("model.", "lm_head."))}, mistral / "model.safetensors", metadata={"format": "pt"})
            settings = SETTINGS | {"vision_encoder": TOWER | {"encoder_depth": config["vision_config"]["num_hidden_layers"] + 1}}
            model = self.source.build(settings, mistral, bert, torch.float32)
        self.source.last_stage(model)
        state = {n: t for n, t in tensors.items() if not n.startswith(("model.", "lm_head.", "stage3_lora."))}
        for name, tensor in tensors.items():
            if name.startswith("stage3_lora.") and not name.endswith(".alpha"):
                inner = name.removeprefix("stage3_lora.").replace(".weight", ".default.weight")
                state["mistral_model.base_model.model." + ("" if inner.startswith("lm_head") else "model.") + inner] = tensor
        faults = model.load_state_dict(state, strict=False)
        own = [n for n in faults.missing_keys if not n.endswith(".position_ids") and (not n.startswith("mistral_model.") or "lora_" in n)]
        assert not faults.unexpected_keys and not own, faults
        model = model.to(dtype)
        model.mistral_model = model.mistral_model.merge_and_unload()
        return model.eval()

    def model(self, dtype, folder=None):
        """The decoder with the eye's modules below it, under the names that the original gives both."""
        whole = self.videochat(dtype, folder)
        decoder = whole.mistral_model
        for part in ("vision_encoder", "vision_layernorm", "qformer", "query_tokens", "extra_query_tokens", "mistral_proj"):
            setattr(decoder, part, getattr(whole, part))
        decoder.whole = [whole]  # no module of it
        decoder.requires_grad_(True)
        for name, p in decoder.named_parameters():
            if name.endswith(".self.key.bias"):  # adds the same to every score: its gradient is 0 but for rounding
                p.requires_grad_(False)
        return decoder

    def pixels(self, clip):
        from PIL import Image
        helper = self.source.helper
        mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
        transform = helper.T.Compose([helper.GroupScale(SIDE, interpolation=helper.InterpolationMode.BICUBIC), helper.GroupCenterCrop(SIDE), helper.Stack(),
                                      helper.ToTorchFormatTensor(), helper.GroupNormalize(mean, std)])
        return [transform([Image.fromarray(p) for p in clip.pictures()]).reshape(clip.frames, 3, SIDE, SIDE).numpy()]

    def encode(self, whole, clip, text):
        import torch
        video = torch.from_numpy(self.pixels(clip)[0]).to(whole.query_tokens.dtype).unsqueeze(0)
        whole.vision_encoder.encoder.pos_embed = self.source.helper.get_sinusoid_encoding_table(
            n_position=(SIDE // 16) ** 2 * clip.frames, cur_frame=clip.frames, d_hid=TOWER["encoder_embed_dim"])
        return whole.encode_img(video, text)[0][0]

    def visual(self, model, clip):
        return self.encode(model.whole[0], clip, self.source.system), []

    def prompt(self, question, clip):
        """What get_model_output sends to the decoder, with ids in place of their embeddings."""
        import torch
        helper, system = self.source.helper, self.source.system
        conv = self.source.easydict({"system": system, "roles": ("[INST]", "[/INST]"), "messages": [], "sep": ""})
        conv.messages.append([conv.roles[0], "<Video><VideoHere></Video> [/INST]"])
        helper.ask(system + question, conv)
        conv.messages.append([conv.roles[1], None])
        reader = self.source.easydict({"mistral_model": {"base_model": {"embed_tokens": lambda ids: ids.unsqueeze(-1)}}})
        reader["mistral_tokenizer"] = self.tokenizer
        object.__setattr__(reader, "mistral_tokenizer", self.tokenizer)
        queries = SETTINGS["num_query_token"] + SETTINGS["extra_num_query_token"]
        return helper.get_context_emb(conv, reader, [torch.full((1, queries, 1), -1)])[0, :, 0].tolist()

    def forward(self, model, clip, sequence):
        import torch
        ids = torch.tensor(sequence)
        weight = model.get_input_embeddings().weight
        with_graph = torch.is_grad_enabled() and model.whole[0].query_tokens.requires_grad
        key = (id(clip), weight.dtype, id(model.whole[0]))
        if with_graph or key not in self.seen:
            self.seen[key] = self.visual(model, clip)[0]
        embeddings = model.get_input_embeddings()(ids.clamp(min=0))
        embeddings = embeddings.index_put((torch.nonzero(ids == -1)[:, 0],), self.seen[key])
        return model(inputs_embeds=embeddings.unsqueeze(0), use_cache=False).logits[0]

    def adapter_targets(self, model, adapter):
        leaves = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
        return [n for n, _ in model.named_modules() if n.startswith("model.layers") and n.endswith(leaves)]

    def answer(self, pieces):
        """The answer, a space and the end, as they stand in a conversation of training."""
        spaced = [*pieces[:-1], pieces[-1] + " "] if len(pieces) % 2 else [*pieces, " "]
        side = common.base.answer_of(self.Reads(self.tokenizer, self.tokenizer.eos_token_id), spaced)
        side["text"] = side["text"][:-1]
        blank = {i for i, piece in enumerate(self.tokenizer.convert_ids_to_tokens(range(len(self.tokenizer)))) if not piece.strip("▁")}
        side["phrase"] = [0 if i in blank else mark for i, mark in zip(side["ids"], side["phrase"])]  # the prefix takes the first character's place
        return side

    class Reads:
        def __init__(self, tokenizer, end):
            self.tokenizer, self.end_of_turn = tokenizer, end

    def stages(self):
        blocks, layers = "vision_encoder.encoder.blocks.", "qformer.bert.encoder.layer."
        return [{"name": "umt_1", "set": {"/vision_config/num_hidden_layers": 1}, "without": [blocks + "1.", blocks + "2."]},
                {"name": "umt_2", "set": {"/vision_config/num_hidden_layers": 2}, "without": [blocks + "2."]},
                {"name": "qformer_1", "set": {"/qformer_config/num_hidden_layers": 1}, "without": [layers + "1.", layers + "2."]},
                {"name": "qformer_2", "set": {"/qformer_config/num_hidden_layers": 2}, "without": [layers + "2."]}]

    # --- what the family's own tests read -----------------------------------------------------------------------------------------
    def more(self, tensors):
        import torch
        with torch.no_grad():
            whole = self.videochat(torch.float64)
            for k, text in enumerate(READ):
                tensors[f"read.{k}"] = self.encode(whole, self.clips[0], text).float().contiguous()
            read = [{"text": text, "ids": whole.tokenizer(text, truncation=True, max_length=512)["input_ids"]} for text in READ]
        places = self.source.helper.get_sinusoid_encoding_table(n_position=14 * 14 * 6, cur_frame=6, d_hid=24)
        tensors["places"] = places[0].reshape(6, 196, 24)[:, ::13].contiguous()
        return {"read": read, "system": self.source.system, "published": self.published(), "training": self.training(tensors)}

    def published(self):
        """config.json that the published pieces are joined to, and how many numbers the original's modules hold then."""
        import torch
        from transformers import MistralConfig, MistralForCausalLM
        sys.path.insert(0, str(ROOT / "scripts"))
        import join_videochat2
        files = self.source.folder / "configs"
        settings = json.loads((files / "config_mistral.json").read_text())["model"]
        bert = json.loads((files / "config_bert.json").read_text())
        mistral = {"model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
                   "num_key_value_heads": 8, "vocab_size": 32000, "rms_norm_eps": 1e-5, "rope_theta": 1e6, "sliding_window": None,
                   "max_position_embeddings": 32768, "hidden_act": "silu", "torch_dtype": "bfloat16"}
        with tempfile.TemporaryDirectory() as place, torch.device("meta"):
            folder = Path(place)
            (folder / "config.json").write_text(json.dumps(bert))
            special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
            (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in special + [f"[unused{n}]" for n in range(bert["vocab_size"] - len(special))]))
            own = settings | {"vit_blip_model_path": None, "videochat2_model_path": "", "use_flash_attention": False}
            linspace, torch.linspace = torch.linspace, lambda *numbers: linspace(*numbers, device="cpu")  # its values are asked for
            model = self.source.build(own, None, folder, None, MistralForCausalLM(MistralConfig(**mistral)))
            torch.linspace = linspace
        eye = {n: p for n, p in model.named_parameters() if not n.startswith("mistral_model.")}
        decoder = sum(p.numel() for p in model.mistral_model.parameters())
        return {"config": join_videochat2.config_of(eye, mistral, bert, settings, None), "eye": sum(p.numel() for p in eye.values()), "decoder": decoder}

    def conversation(self, instruction, question, answer):
        """process_qa of the authors' data set: the conversation and what the Q-Former reads."""
        own = self.source.easydict({"random_shuffle": False, "system": "", "human_start": "[INST]", "human_end": "[/INST]", "assist_end": "</s>",
                                    "start_token": "<Video>", "end_token": "</Video>", "return_question_instruction": False})
        return self.source.dataset.process_qa(own, [{"i": instruction, "q": question, "a": answer}])

    def training(self, tensors):
        clip = self.clips[2]
        texts = {side: [self.conversation(i, q, pair[k])[0] for i, q, *pair in TRAINING] for k, side in enumerate(("pos_conversation", "neg_conversation"))}
        read = [self.conversation(i, q, a)[1] for i, q, a, _ in TRAINING]
        pairs = [{"instruction": i, "question": q, "chosen": a, "rejected": b, "read": text} for (i, q, a, b), text in zip(TRAINING, read)]
        out = {"clip": 2, "objective": {"name": "rrpo"} | RRPO, "pairs": pairs, "conversations": texts}
        out |= {front: self.steps(front, clip, texts, read, tensors) for front in ("ones", "begin")}
        return out | self.labels

    def policy_and_reference(self):
        """Both models of train_videochat2.py in float64, the adapter of the golden folder on the policy's decoder."""
        import torch
        from peft import PeftModel
        models = [self.videochat(torch.float64) for _ in range(2)]
        for model in models:
            model.requires_grad_(False)
        models[0].mistral_model = PeftModel.from_pretrained(models[0].mistral_model, self.golden / "adapter", is_trainable=True)
        models[0].use_lora = True
        return models

    def front_vector(self, models):
        """<s> in place of the vector of ones: the number that the original writes there is taken from its tokenizer."""
        for model in models:
            decoder = model.mistral_model.base_model.model if model.use_lora else model.mistral_model
            model.mistral_tokenizer = Fronted(model.mistral_tokenizer, decoder.model.embed_tokens.weight[1].detach())

    def steps(self, front, clip, texts, read, tensors):
        """Loss, labels and marks of the first step, gradients and the movement in three steps of AdamW."""
        import torch
        policy, reference = models = self.policy_and_reference()
        if front == "begin":
            self.front_vector(models)
        for model in models:
            model.vision_encoder.encoder.pos_embed = self.source.helper.get_sinusoid_encoding_table(
                n_position=(SIDE // 16) ** 2 * clip.frames, cur_frame=clip.frames, d_hid=TOWER["encoder_embed_dim"])
        video = torch.from_numpy(self.pixels(clip)[0]).double().unsqueeze(0)
        weights = {n.replace(".default.", "."): p for n, p in sorted(policy.mistral_model.named_parameters()) if p.requires_grad}
        start = {n: p.detach().clone() for n, p in weights.items()}
        settings = common.base.ADAMW
        optimizer = torch.optim.AdamW(weights.values(), lr=settings["lr"], betas=settings["betas"], eps=settings["eps"], weight_decay=0.02)
        loss_of, out = self.source.losses.RRPO(**RRPO), {"losses": [], "weight_decay": 0.02, "parameters": list(weights)}
        for step in range(common.base.ADAMW_STEPS):
            optimizer.zero_grad()
            seen = []
            for pair in range(len(TRAINING)):  # one by one: see the words on padding above
                own = {side: [conversations[pair]] for side, conversations in texts.items()}
                mine = policy(video, own, [read[pair]], mode="rrpo")
                with torch.no_grad():
                    theirs = reference(video, own, [read[pair]], mode="rrpo")
                loss, _ = loss_of(align_dict=mine, ref_dict=theirs, rank=0, world_size=1)
                (loss / len(TRAINING)).backward()
                seen.append((float(loss.detach()), mine["targets"].tolist(), loss_of.fetch_sign(mine["targets"]).tolist(),
                             list(self.rows(mine, theirs))))
            if step == 0:
                sides = [[one[k][side] for side in range(2) for one in seen] for k in (1, 2, 3)]
                out |= {"rows": sides[2], "pair_losses": [one[0] for one in seen]}
                self.labels = {"labels": sides[0], "marks": sides[1]}
                tensors[f"training.{front}.gradient"] = torch.stack([common.base.fingerprint(p.grad) for p in weights.values()])
            out["losses"].append(sum(one[0] for one in seen) / len(seen))
            optimizer.step()
        tensors[f"training.{front}.movement"] = torch.stack([common.base.fingerprint(p - start[n]) for n, p in weights.items()])
        return out

    def rows(self, mine, theirs):
        """Log-probabilities of policy and reference and the KL at the labels of each row."""
        for logits, other, labels in zip(mine["logits"].detach(), theirs["logits"], mine["targets"]):
            at = (labels[1:] != -100).nonzero()[:, 0]
            policy, reference, label = logits[at].log_softmax(-1), other[at].log_softmax(-1), labels[1:][at].unsqueeze(1)
            yield {"logp": policy.gather(1, label)[:, 0].tolist(), "ref_logp": reference.gather(1, label)[:, 0].tolist(),
                   "kl": (reference.exp() * (reference - policy)).sum(-1).tolist()}


class Fronted:
    """A tokenizer whose bos_token_id is a vector: default_forward writes it into the first row of the embeddings."""

    def __init__(self, tokenizer, vector):
        self.tokenizer, self.bos_token_id = tokenizer, vector

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)

    def __call__(self, *texts, **rest):
        return self.tokenizer(*texts, **rest)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rrpo-source", type=Path, required=True, help="a checkout of the authors' repository")
    parser.add_argument("--check", action="store_true", help="compare with the golden files, write nothing")
    parser.add_argument("--new", action="store_true", help="make the random checkpoint and the adapter anew")
    parser.add_argument("--out", type=Path, help="folder of the golden files instead of tests/golden/videochat2")
    arguments = parser.parse_args()
    check_source(arguments.rrpo_source)
    original.ensure_packages()
    common.base.versions = original.versions
    VideoChat2.source = original.Original(arguments.rrpo_source)
    at = sys.argv.index("--rrpo-source")
    del sys.argv[at:at + 2]
    common.run(VideoChat2)


if __name__ == "__main__":
    main()
