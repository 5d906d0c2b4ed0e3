"""What a Python process does before its first step is done: first_step.py WORK SIZE PAIRS. Started by starts.py."""
import argparse
import json
import sys
from pathlib import Path

import worlds

import step_7b


def main():
    work, size, pairs = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    import torch
    from peft import PeftModel
    from transformers import LlavaOnevisionForConditionalGeneration
    tokens, vocabulary = (int(part) for part in size.split("-"))
    step_7b.SIZES[size] = worlds.size(tokens, vocabulary)
    args = argparse.Namespace(work=work, device="cpu", size=size, dtype="float32")
    model = LlavaOnevisionForConditionalGeneration.from_pretrained(work / "model", dtype=torch.float32).requires_grad_(False)
    adapted = PeftModel.from_pretrained(model, work / "adapter", is_trainable=True)
    peer = step_7b.Peer(adapted, step_7b.Text(work / "model"), args)
    row = json.loads(pairs.read_text().splitlines()[0])
    peer.step(peer.sample(row), torch.optim.AdamW(peer.trained, lr=0.0))


if __name__ == "__main__":
    main()
