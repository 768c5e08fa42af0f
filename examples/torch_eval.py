#!/usr/bin/env python3
"""Load a model that Shoal trained and evaluate it in PyTorch, in float32.

    shoal reproduce examples/kjv-nano.yaml --set train.steps=100 -o out
    python3 examples/torch_eval.py out examples/data/kjv.txt.zst

`out` holds model.safetensors and config.json, as `shoal job fetch` and
`shoal reproduce -o` write them. The held-out windows are those that Shoal
evaluates, so the loss printed here and val_last in train_report.json should
agree to about 0.01 nats: the one is float32, the other 8-bit integers.

Needs PyTorch, and the zstd program for compressed text. The safetensors file
is read by hand: the format is a length, a JSON header and the tensors' bytes.
"""
import argparse
import gzip
import json
import math
import struct
import subprocess
import sys
from pathlib import Path

import torch
import torch.nn.functional as F


def load_safetensors(path):
    """Returns {name: float32 tensor}."""
    raw = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    data = memoryview(raw)[8 + length :]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            sys.exit(f"{path}: {name} is {entry['dtype']}, want F32")
        start, end = entry["data_offsets"]
        flat = torch.frombuffer(bytearray(data[start:end]), dtype=torch.float32)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def load_text(path):
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
    if path.endswith(".gz"):
        return gzip.decompress(Path(path).read_bytes())
    return Path(path).read_bytes()


def held_out_windows(text, vocab, context):
    """The last 5 % of the text, as at most 1024 evenly spread windows."""
    mask = 127 if vocab == 128 else 255
    held = torch.tensor([b & mask for b in text[len(text) * 95 // 100 :]], dtype=torch.long)
    last = len(held) - context - 1
    count = min(1024, last)
    starts = [i * last // count for i in range(count)]
    return torch.stack([held[s : s + context + 1] for s in starts])


def rms_norm(x):
    """RMSNorm without gain."""
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True))


class Decoder:
    """The byte decoder of webgpu/nn in float32."""

    def __init__(self, config, weights):
        self.heads = config["heads"]
        self.blocks = config["layers"]
        self.swiglu = config.get("ff") == "swiglu"
        self.w = weights

    def logits(self, tokens):
        w = self.w
        batch, context = tokens.shape
        x = w["embed.token"][tokens] + w["embed.position"][:context]
        mask = torch.ones(context, context, dtype=torch.bool).triu(1)
        for i in range(self.blocks):
            block = f"blocks.{i}."
            qkv = rms_norm(x) @ w[block + "attention.qkv"].T
            q, k, v = (
                part.view(batch, context, self.heads, -1).transpose(1, 2)
                for part in qkv.chunk(3, dim=-1)
            )
            scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
            p = scores.masked_fill(mask, float("-inf")).softmax(-1)
            o = (p @ v).transpose(1, 2).reshape(batch, context, -1)
            x = x + o @ w[block + "attention.out"].T
            y = rms_norm(x)
            if self.swiglu:
                h = F.silu(y @ w[block + "ff.gate"].T) * (y @ w[block + "ff.up"].T)
            else:
                h = F.relu(y @ w[block + "ff.up"].T).pow(2)
            x = x + h @ w[block + "ff.down"].T
        return rms_norm(x) @ w["head"].T


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", help="holds model.safetensors and config.json")
    parser.add_argument("text", help="the job's text: plain, .gz or .zst")
    args = parser.parse_args()
    directory = Path(args.directory)
    config = json.loads((directory / "config.json").read_text())["model"]
    if config["arch"] != "decoder":
        sys.exit(f"{directory}: arch is {config['arch']}, want decoder")
    model = Decoder(config, load_safetensors(directory / "model.safetensors"))
    windows = held_out_windows(load_text(args.text), config["vocab"], config["context"])

    total = 0.0
    with torch.no_grad():
        for batch in windows.split(16):
            logits = model.logits(batch[:, :-1])
            total += F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), reduction="sum").item()
    print(f"{total / (windows.shape[0] * config['context']):.4f}")


if __name__ == "__main__":
    main()
