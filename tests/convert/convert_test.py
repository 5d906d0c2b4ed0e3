#!/usr/bin/env python3
"""scripts/convert_checkpoint.py against torch.load, and what it makes of an adapter against rrpo-train score.

    python3 tests/convert/convert_test.py BUILD      exits 77 (skipped) where this Python has no torch and safetensors

RRPO_PYTHON names another Python to run with.
"""
import contextlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "scripts" / "convert_checkpoint.py"
TINY = ROOT / "tests" / "golden" / "onevision" / "tiny"
VIDEOCHAT2 = ROOT / "tests" / "golden" / "videochat2"
LONGVU = ROOT / "tests" / "golden" / "longvu" / "checkpoint"
BUILD = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build"

wanted = os.environ.get("RRPO_PYTHON")
if wanted and Path(wanted) != Path(sys.executable):
    os.execv(wanted, [wanted, *sys.argv])
missing = [name for name in ("torch", "safetensors", "numpy") if importlib.util.find_spec(name) is None]
if missing:
    print(f"skipped: {sys.executable} has no {', '.join(missing)}")
    sys.exit(77)
sys.dont_write_bytecode = True

import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402


sys.path.insert(0, str(SCRIPT.parent))
import convert_checkpoint  # noqa: E402


def convert(source, out, *options):
    """Runs the script's main() in this process: torch takes seconds to import."""
    code, said = 0, io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            convert_checkpoint.main([str(source), str(out), *map(str, options)])
        except SystemExit as end:
            code = end.code
    return types.SimpleNamespace(returncode=code, stderr=said.getvalue())


def bits(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def state():
    """Every type, a view, a tied pair, a scalar, nothing, and values that compare unequal to themselves."""
    torch.manual_seed(3)
    table = torch.randn(6, 4)
    return {"embed.weight": table, "lm_head.weight": table, "part.weight": table[1:3], "turned.weight": torch.randn(3, 5).t(),
            "half": torch.randn(4).half(), "brain": torch.randn(4).bfloat16(), "double": torch.randn(2).double(),
            "ids": torch.arange(5), "flag": torch.tensor([True, False]), "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3),
            "odd": torch.tensor([float("nan"), float("inf"), -0.0])}


class Convert(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def make(self, name, files):
        folder = self.folder / name
        folder.mkdir()
        for file, data in files.items():
            if file.endswith(".json"):
                (folder / file).write_text(json.dumps(data))
            else:
                torch.save(data, folder / file)
        return folder

    def assert_same(self, tensors, wanted):
        self.assertEqual(set(tensors), set(wanted))
        for name, tensor in wanted.items():
            self.assertEqual((tensors[name].dtype, tensors[name].shape), (tensor.dtype, tensor.shape), name)
            self.assertTrue(torch.equal(bits(tensors[name]), bits(tensor)), name)

    def refused(self, source, code, text):
        done = convert(source, self.folder / "refused")
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertIn(text, done.stderr)
        self.assertIn("fix:", done.stderr)
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name.startswith("refused")], [])

    def test_single_files_keep_every_value(self):
        for name in ("pytorch_model.bin", "model.pth", "weights.pt"):
            source = self.make(name + ".d", {name: state(), "config.json": {"model_type": "x"}})
            out = self.folder / (name + ".out")
            done = convert(source, out)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assert_same(load_file(out / "model.safetensors"), torch.load(source / name, weights_only=True))
            self.assertEqual(json.loads((out / "config.json").read_text()), {"model_type": "x"})

    def test_the_command_prints_its_folder(self):
        source = self.make("one", {"a.bin": {"a": torch.zeros(1)}})
        done = subprocess.run([sys.executable, str(SCRIPT), str(source), str(self.folder / "out")], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, str(self.folder / "out")), done.stderr)

    def test_old_files_and_wrapped_ones(self):
        old = self.folder / "old.pth"
        torch.save({"state_dict": state(), "epoch": 3}, old, _use_new_zipfile_serialization=False)
        done = convert(old, self.folder / "out")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("left out: epoch", done.stderr)
        self.assert_same(load_file(self.folder / "out" / "model.safetensors"), state())

    def test_shards_follow_the_index(self):
        all_of = state()
        halves = [dict(list(all_of.items())[:5]), dict(list(all_of.items())[5:])]
        shards = {f"pytorch_model-0000{i + 1}-of-00002.bin": half for i, half in enumerate(halves)}
        index = {"weight_map": {name: shard for shard, half in shards.items() for name in half}}
        source = self.make("sharded", {**shards, "pytorch_model.bin.index.json": index, "config.json": {}})
        self.assertEqual(convert(source, self.folder / "out").returncode, 0)
        made = json.loads((self.folder / "out" / "model.safetensors.index.json").read_text())
        loaded = {name: load_file(self.folder / "out" / shard)[name] for name, shard in made["weight_map"].items()}
        self.assert_same(loaded, all_of)
        self.assertFalse((self.folder / "out" / "pytorch_model.bin.index.json").exists())
        index["weight_map"]["lost"] = "pytorch_model-00001-of-00002.bin"
        (source / "pytorch_model.bin.index.json").write_text(json.dumps(index))
        self.refused(source, 3, "index and shard disagree")
        index["weight_map"] = {"a": "../a.bin"}
        (source / "pytorch_model.bin.index.json").write_text(json.dumps(index))
        self.refused(source, 3, "not a plain file name")

    def test_what_is_refused(self):
        class Evil:
            def __reduce__(self):
                return (os.system, ("true",))
        self.refused(self.make("evil", {"pytorch_model.bin": {"a": Evil()}}), 3, "refuses it")
        self.refused(self.make("list", {"a.bin": [torch.zeros(1)]}), 3, "not named tensors")
        self.refused(self.make("number", {"a.bin": {"a": 1}}), 3, "no named tensor")
        self.refused(self.make("two", {"a.bin": {}, "b.bin": {}}), 3, "holds 2 pickled files")
        self.refused(self.folder / "nowhere", 3, "neither a file nor a folder")
        (self.folder / "torn.bin").write_bytes((self.folder / "two" / "a.bin").read_bytes()[:40])
        self.refused(self.folder / "torn.bin", 3, "refuses it")
        self.assertEqual(convert(self.folder / "two", self.folder).returncode, 4)

    def test_adapter_names(self):
        plain = {f"base_model.model.model.layers.{i}.q_proj.lora_{x}.weight": torch.randn(2, 3) for i in range(2) for x in "AB"}
        forms = {"as they are": lambda n: n, "default": lambda n: n.replace(".weight", ".default.weight"),
                 "bare": lambda n: n.removeprefix("base_model.model."), "wrapped": lambda n: "module." + n.replace(".layers.", ".layers._orig_mod."),
                 "below another": lambda n: "mistral_model." + n.replace(".weight", ".default.weight")}
        for number, (form, rename) in enumerate(forms.items()):
            files = {"adapter_config.json": {"r": 2}, "adapter_model.bin": {rename(n): t for n, t in plain.items()}, "non_lora_trainables.bin": {}}
            source = self.make(f"adapter{number}", files)
            out = self.folder / f"out{number}"
            done = convert(source, out)
            self.assertEqual(done.returncode, 0, form + done.stderr)
            self.assert_same(load_file(out / "adapter_model.safetensors"), plain)
            self.assertEqual(sorted(p.name for p in out.iterdir()), ["adapter_config.json", "adapter_model.safetensors"], form)

    def test_weights_beside_an_adapter_are_kept_and_told(self):
        lora = {"model.q.lora_A.weight": torch.ones(1, 2), "model.q.lora_B.weight": torch.ones(2, 1)}
        extra = {"base_model.model.mm_projector.0.weight": torch.randn(2, 2)}
        source = self.make("extra", {"adapter_config.json": {}, "adapter_model.bin": {**lora, "norm": torch.ones(1)}, "non_lora_trainables.bin": extra})
        done = convert(source, self.folder / "out")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 tensors beside LoRA", done.stderr)
        self.assertIn("mm_projector", done.stderr)
        self.assert_same(load_file(self.folder / "out" / "non_lora_trainables.safetensors"), {**extra, "norm": torch.ones(1)})
        twice = {**lora, "base_model.model.model.q.lora_A.default.weight": torch.ones(1, 2)}
        self.refused(self.make("twice", {"adapter_config.json": {}, "adapter_model.bin": twice}), 3, "stands there twice")
        self.refused(self.make("none", {"adapter_config.json": {}, "adapter_model.bin": {"a": torch.ones(1)}}), 3, "no LoRA")

    def run_program(self, code, name, *arguments):
        done = subprocess.run([str(BUILD / name), *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_an_adapter_in_the_authors_layout_scores_like_the_original(self):
        original = load_file(TINY / "adapter" / "adapter_model.safetensors")
        pickled = {name.replace(".weight", ".default.weight"): tensor for name, tensor in original.items()}
        config = json.loads((TINY / "adapter" / "adapter_config.json").read_text())
        source = self.make("authors", {"adapter_config.json": config, "adapter_model.bin": pickled, "non_lora_trainables.bin": {}})
        self.run_program(0, "rrpo-gen", "scenes", "--out", self.folder / "world", "count=1", "--quiet")
        pair = {"id": "1", "video": "videos/00000.mp4", "question": "What moves?", "chosen": {"text": "A red circle.", "spans": [[2, 5]]},
                "rejected": {"text": "A blue circle.", "spans": [[2, 6]]}}
        (self.folder / "pairs.jsonl").write_text(json.dumps(pair) + "\n")

        def score(code, adapter, out):
            return self.run_program(code, "rrpo-train", "score", "--out", self.folder / out, f"model.path={TINY / 'checkpoint'}",
                                    f"model.adapter={adapter}", f"data.pairs={self.folder / 'pairs.jsonl'}",
                                    f"data.video_root={self.folder / 'world'}", "video.frames=2", "device=cpu", "--quiet")

        self.assertIn("scripts/convert_checkpoint.py", score(3, source, "refused-score"))
        self.assertEqual(convert(source, self.folder / "adapter").returncode, 0)
        score(0, self.folder / "adapter", "converted")
        score(0, TINY / "adapter", "plain")
        lines = [(self.folder / out / "scores.jsonl").read_text() for out in ("converted", "plain")]
        self.assertEqual(lines[0], lines[1])
        self.assertNotEqual(json.loads(lines[0])["kl_chosen"], 0)

    def videochat2_pieces(self):
        """The golden checkpoint as it is published: pickle, Mistral's folder, BERT's; and the options of a conversion."""
        joined, config = load_file(VIDEOCHAT2 / "checkpoint" / "model.safetensors"), json.loads((VIDEOCHAT2 / "checkpoint" / "config.json").read_text())
        mistral, bert, settings = self.folder / "mistral", self.folder / "bert", self.folder / "config_mistral.json"
        decoder = {n: t for n, t in joined.items() if n.startswith(("model.", "lm_head."))}
        state = {n: t for n, t in joined.items() if n not in decoder and not n.startswith("stage3_lora.")}
        state["qformer.bert.embeddings.position_ids"] = torch.arange(512).unsqueeze(0)
        for name, tensor in joined.items():
            if name.startswith("stage3_lora.") and name != "stage3_lora.alpha":
                inner = name.removeprefix("stage3_lora.").replace(".weight", ".default.weight")
                state["mistral_model.base_model.model." + ("" if inner.startswith("lm_head") else "model.") + inner] = tensor
        torch.save({"model": state, "epoch": 3}, self.folder / "stage3.pth")
        for folder in (mistral, bert):
            folder.mkdir()
        names = sorted(decoder)
        shards = {"model-00001-of-00002.safetensors": names[:9], "model-00002-of-00002.safetensors": names[9:]}
        for shard, own in shards.items():
            save_file({n: decoder[n] for n in own}, mistral / shard)
        (mistral / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {n: shard for shard, own in shards.items() for n in own}}))
        (mistral / "config.json").write_text(json.dumps(config["text_config"]))
        for file in ("tokenizer.model", "tokenizer_config.json", "generation_config.json"):
            shutil.copyfile(VIDEOCHAT2 / "checkpoint" / file, mistral / file)
        shutil.copyfile(VIDEOCHAT2 / "checkpoint" / "bert_vocab.txt", bert / "vocab.txt")
        qformer = config["qformer_config"]
        (bert / "config.json").write_text(json.dumps(qformer | {"vocab_size": qformer["vocab_size"] - 1}))
        vision = config["vision_config"]
        settings.write_text(json.dumps({"model": {"max_txt_len": 512, "vision_encoder": {
            "img_size": vision["image_size"], "patch_size": vision["patch_size"], "encoder_depth": vision["num_hidden_layers"] + 1,
            "encoder_num_heads": vision["num_attention_heads"], "return_index": -2, "ckpt_num_frame": 4}}}))
        return ["--mistral", mistral, "--bert", bert, "--settings", settings]

    def test_the_pieces_of_videochat2_become_one_folder(self):
        options, out = self.videochat2_pieces(), self.folder / "joined"
        done = convert(self.folder / "stage3.pth", out, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        made = json.loads((out / "model.safetensors.index.json").read_text())
        loaded = {name: load_file(out / shard)[name] for name, shard in made["weight_map"].items()}
        self.assert_same(loaded, load_file(VIDEOCHAT2 / "checkpoint" / "model.safetensors"))
        self.assertEqual(made["metadata"]["total_size"], sum(t.numel() * t.element_size() for t in loaded.values()))
        for file in ("bert_vocab.txt", "tokenizer.model", "tokenizer_config.json"):
            self.assertEqual((out / file).read_bytes(), (VIDEOCHAT2 / "checkpoint" / file).read_bytes())
        self.assertEqual(json.loads((out / "config.json").read_text()), json.loads((VIDEOCHAT2 / "checkpoint" / "config.json").read_text()))

    def test_other_pieces_are_refused(self):
        options = self.videochat2_pieces()
        def refused(text, source="stage3.pth", options=options, code=3):
            done = convert(self.folder / source, self.folder / "refused", *options)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(text, done.stderr)
            self.assertFalse((self.folder / "refused").exists())
        refused("go together", options=options[:2], code=2)
        torch.save({"model": {"strange.weight": torch.ones(1)}}, self.folder / "strange.pth")
        refused("strange.weight is no tensor", "strange.pth")
        torch.save({"query_tokens": torch.ones(1, 2, 3)}, self.folder / "part.pth")
        refused("holds no vision_encoder.encoder.patch_embed.proj.weight", "part.pth")
        (self.folder / "bert" / "vocab.txt").write_text("[CLS]\n")
        refused("and [DEC] are not the Q-Former's")
        (self.folder / "mistral" / "model-00002-of-00002.safetensors").unlink()
        (self.folder / "bert" / "vocab.txt").write_bytes((VIDEOCHAT2 / "checkpoint" / "bert_vocab.txt").read_bytes())
        refused("model-00002-of-00002.safetensors: is missing")

    def longvu_folders(self):
        """The golden checkpoint as it is published: three folders, with what joining leaves out; and the options of a conversion."""
        joined, config = load_file(LONGVU / "model.safetensors"), json.loads((LONGVU / "config.json").read_text())
        folders = [self.folder / name for name in ("longvu", "siglip", "dinov2")]
        tops = ["", "model.vision_tower_aux_0.", "model.vision_tower_aux_1."]
        parts = [{}, {"logit_scale": torch.ones(1), "text_model.final_layer_norm.bias": torch.ones(2), "vision_model.head.probe": torch.ones(1, 1, 2)},
                 {"embeddings.mask_token": torch.ones(1, 2)}]
        for name, tensor in joined.items():
            part = next((k for k in (1, 2) if name.startswith(tops[k])), 0)
            parts[part][name.removeprefix(tops[part])] = tensor
        towers = [config.pop("vision_config_aux_0"), config.pop("vision_config_aux_1")]
        for folder, tensors, own in zip(folders, parts, [config, {"model_type": "siglip", "vision_config": towers[0]}, towers[1]]):
            folder.mkdir()
            save_file(tensors, folder / "model.safetensors")
            (folder / "config.json").write_text(json.dumps(own))
        for number, folder in enumerate(folders[1:]):
            shutil.copyfile(LONGVU / f"preprocessor_config_aux_{number}.json", folder / "preprocessor_config.json")
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(LONGVU / file, folders[0] / file)
        return ["--siglip", folders[1], "--dinov2", folders[2]]

    def test_the_folders_of_longvu_become_one(self):
        options, out = self.longvu_folders(), self.folder / "joined"
        done = convert(self.folder / "longvu", out, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_same(load_file(out / "model.safetensors"), load_file(LONGVU / "model.safetensors"))
        for file in ("config.json", "preprocessor_config_aux_0.json", "preprocessor_config_aux_1.json"):
            self.assertEqual(json.loads((out / file).read_text()), json.loads((LONGVU / file).read_text()))
        self.assertEqual((out / "tokenizer.json").read_bytes(), (LONGVU / "tokenizer.json").read_bytes())

    def test_large_folders_of_longvu_become_shards(self):
        import join_longvu
        options, out, whole = self.longvu_folders(), self.folder / "joined", join_longvu.SHARD_BYTES
        join_longvu.SHARD_BYTES = 100_000
        self.addCleanup(setattr, join_longvu, "SHARD_BYTES", whole)
        self.assertEqual(convert(self.folder / "longvu", out, *options).returncode, 0)
        index = json.loads((out / "model.safetensors.index.json").read_text())
        self.assertGreater(len(set(index["weight_map"].values())), 2)
        self.assert_same({n: load_file(out / shard)[n] for n, shard in index["weight_map"].items()}, load_file(LONGVU / "model.safetensors"))

    def test_other_folders_are_no_longvu(self):
        options = self.longvu_folders()
        def refused(text, source, options, code=3):
            done = convert(self.folder / source, self.folder / "refused", *options)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(text, done.stderr)
            self.assertFalse((self.folder / "refused").exists())
        refused("go together", "longvu", options[:2], 2)
        refused("not 'cambrian_qwen'", "siglip", options)
        refused("no vision_config of the type", "longvu", ["--siglip", self.folder / "dinov2", "--dinov2", self.folder / "siglip"])
        (self.folder / "dinov2" / "model.safetensors").unlink()
        refused("has no model.safetensors", "longvu", options)

    def test_an_adapter_of_videochat2_in_the_authors_layout(self):
        original = load_file(VIDEOCHAT2 / "adapter" / "adapter_model.safetensors")
        pickled = {"mistral_model." + name.replace(".weight", ".default.weight"): tensor for name, tensor in original.items()}
        pickled["qformer.bert.embeddings.position_ids"] = torch.arange(512).unsqueeze(0)
        source = self.make("rrpo", {"adapter_config.json": json.loads((VIDEOCHAT2 / "adapter" / "adapter_config.json").read_text()), "model.pth": pickled})
        done = convert(source, self.folder / "adapter")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("warning", done.stderr)
        self.assert_same(load_file(self.folder / "adapter" / "adapter_model.safetensors"), original)

    def test_a_pickled_model_loads_after_conversion(self):
        source = self.folder / "pickled"
        shutil.copytree(TINY / "checkpoint", source)
        torch.save(load_file(source / "model.safetensors"), source / "pytorch_model.bin")
        (source / "model.safetensors").unlink()
        wrong = self.run_program(3, "rrpo-train", "score", "--out", self.folder / "never", f"model.path={source}", f"data.pairs={TINY}/x.jsonl",
                                 "device=cpu")
        self.assertIn("scripts/convert_checkpoint.py", wrong)
        self.assertEqual(convert(source, self.folder / "model").returncode, 0)
        self.assert_same(load_file(self.folder / "model" / "model.safetensors"), load_file(TINY / "checkpoint" / "model.safetensors"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
