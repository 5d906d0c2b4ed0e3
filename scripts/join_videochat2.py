"""The pieces of VideoChat2-Mistral joined into one folder: what convert_checkpoint.py does with --mistral and --bert.

  the pickle      videochat2_mistral_7b_stage3.pth: video tower, Q-Former, projector, the LoRA of the last stage
  --mistral DIR   Mistral-7B-Instruct-v0.2: decoder and tokenizer
  --bert DIR      bert-base-uncased: vocab.txt and config.json
  --settings FILE videochat2/configs/config_mistral.json of the authors, where a model has other sizes than the published one
become
  model-*.safetensors, model.safetensors.index.json   the first shard holds the pickle's tensors, the others are Mistral's
  config.json     model_type videochat2_mistral; vision_config, qformer_config, text_config (Mistral's)
  bert_vocab.txt  the words that the Q-Former reads; tokenizer files of Mistral
No value and no type is changed. The pickle's names are kept but for those of LoRA,
  mistral_model.base_model.model.model.layers.… .lora_A.default.weight  ->  stage3_lora.layers.… .lora_A.weight
beside which stage3_lora.alpha says by what it is scaled (alpha / rank); our programs merge it when they load, as the authors do.
"""
import json
import shutil

EYE = ("vision_encoder.encoder.", "vision_layernorm.", "qformer.bert.", "mistral_proj.")
QUERIES = ("query_tokens", "extra_query_tokens")
LORA = "mistral_model.base_model.model."
STAGE = "stage3_lora."
BUFFERS = (".position_ids", ".rotary_emb.inv_freq")
ALPHA = 32  # of the last stage (load_model of load_videochat2.py); the rank is that of its tensors
COPIED = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "generation_config.json")
# What config_mistral.json of the authors says about the published model.
SETTINGS = {"vision_encoder": {"img_size": 224, "patch_size": 16, "encoder_embed_dim": 1024, "encoder_depth": 24, "encoder_num_heads": 16,
                               "return_index": -2, "ckpt_num_frame": 4}, "max_txt_len": 512}
TABLE_SIDE = 14  # of the places in load_videochat2.py
CROSS_EVERY = 2  # blip2.py


def joined_name(name):
    """The name of a tensor of the pickle in the joined folder; None: left out. Raises KeyError for one that is none of the model."""
    if name.endswith(BUFFERS):
        return None
    if name in QUERIES or name.startswith(EYE):
        return name
    inner = name.removeprefix(LORA).removeprefix("model.")
    if name.startswith(LORA) and inner.endswith((".lora_A.default.weight", ".lora_B.default.weight")):
        return STAGE + inner.replace(".default.", ".")
    raise KeyError(name)


def joined_tensors(tensors, fault):
    import torch
    joined = {}
    for name, tensor in tensors.items():
        try:
            new = joined_name(name)
        except KeyError:
            raise fault(3, f"the pickle's {name} is no tensor of VideoChat2", "is it videochat2_mistral_7b_stage3.pth?") from None
        if new is not None:
            joined[new] = tensor
    if any(name.startswith(STAGE) for name in joined):
        joined[STAGE + "alpha"] = torch.tensor([float(ALPHA)])
    return joined


def config_of(joined, mistral, bert, settings, fault):
    """The joined folder's config.json; what the tensors say by their shapes is taken from them."""
    def shape(name):
        if name not in joined:
            raise fault(3, f"the pickle holds no {name}", "is it videochat2_mistral_7b_stage3.pth?")
        return list(joined[name].shape)
    tower = settings["vision_encoder"]
    vision = {"model_type": "umt_vision", "hidden_act": "gelu", "image_size": tower["img_size"], "patch_size": tower["patch_size"],
              "hidden_size": shape("vision_encoder.encoder.patch_embed.proj.weight")[0],
              "intermediate_size": shape("vision_encoder.encoder.blocks.0.mlp.fc1.weight")[0],
              "num_hidden_layers": tower["encoder_depth"] + tower["return_index"] + 1, "num_attention_heads": tower["encoder_num_heads"],
              "layer_norm_eps": 1e-6, "output_norm_eps": 1e-12, "table_frames": tower["ckpt_num_frame"], "table_side": TABLE_SIDE}
    kept = ("hidden_act", "hidden_size", "intermediate_size", "layer_norm_eps", "max_position_embeddings", "num_attention_heads", "num_hidden_layers")
    qformer = {"model_type": "bert"} | {key: bert[key] for key in kept} | {
        "vocab_size": shape("qformer.bert.embeddings.word_embeddings.weight")[0], "num_query_tokens": shape("query_tokens")[1],
        "num_extra_query_tokens": shape("extra_query_tokens")[1], "cross_attention_frequency": CROSS_EVERY,
        "max_text_length": settings["max_txt_len"]}
    return {"architectures": ["VideoChat2_it_mistral"], "model_type": "videochat2_mistral", "vision_config": vision, "qformer_config": qformer,
            "text_config": mistral} | {key: mistral[key] for key in ("torch_dtype", "dtype") if key in mistral}


def read_json(file, fault):
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise fault(3, f"{file}: {error}", "download it again") from error


def mistral_shards(folder, fault):
    """The safetensors files of Mistral's folder and, of each, the names and the bytes of its tensors."""
    from safetensors import safe_open
    index = folder / "model.safetensors.index.json"
    files = sorted(set(read_json(index, fault)["weight_map"].values())) if index.exists() else ["model.safetensors"]
    for name in files:
        if "/" in name or not (folder / name).exists():
            raise fault(3, f"{folder / name}: is missing", "download Mistral's folder as safetensors")
        size = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8}
        with safe_open(folder / name, framework="pt") as shard:
            slices = {key: shard.get_slice(key) for key in shard.keys()}
            bytes_of = {}
            for key, part in slices.items():
                count = size.get(part.get_dtype(), 1)
                for extent in part.get_shape():
                    count *= extent
                bytes_of[key] = count
        yield folder / name, bytes_of


def join(tensors, mistral, bert, settings, out, save, fault):
    """Fills the empty folder `out`; `save(tensors, file)` writes and returns bytes, `fault(code, problem, fix)` makes an error."""
    for file in (mistral / "config.json", bert / "vocab.txt", bert / "config.json"):
        if not file.exists():
            raise fault(3, f"{file}: is missing", "give --mistral and --bert the folders of Mistral-7B-Instruct-v0.2 and bert-base-uncased")
    settings = SETTINGS if settings is None else read_json(settings, fault)["model"]
    joined = joined_tensors(tensors, fault)
    config = config_of(joined, read_json(mistral / "config.json", fault), read_json(bert / "config.json", fault), settings, fault)
    words = len((bert / "vocab.txt").read_text(encoding="utf-8").splitlines())
    if config["qformer_config"]["vocab_size"] != words + 1:  # [DEC] is added
        raise fault(3, f"{bert / 'vocab.txt'}: {words} words and [DEC] are not the Q-Former's {config['qformer_config']['vocab_size']}",
                    "give --bert the folder of bert-base-uncased")
    shards = list(mistral_shards(mistral, fault))
    named = [f"model-{number:05}-of-{len(shards) + 1:05}.safetensors" for number in range(1, len(shards) + 2)]
    total, weight_map = save(joined, out / named[0]), dict.fromkeys(joined, named[0])
    for (file, bytes_of), name in zip(shards, named[1:]):
        shutil.copyfile(file, out / name)
        total += sum(bytes_of.values())
        weight_map.update(dict.fromkeys(bytes_of, name))
    (out / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}, indent=2) + "\n")
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    shutil.copyfile(bert / "vocab.txt", out / "bert_vocab.txt")
    for pattern in COPIED:
        for file in sorted(mistral.glob(pattern)):
            shutil.copyfile(file, out / file.name)
    return len(weight_map), total
