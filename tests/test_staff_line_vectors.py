"""A check encodes a line once, and judges it by the vector that a patient's message of the same words gets."""

import numpy as np
import pytest

from bot.staff.line_vectors import LineEncoder
from bot.understanding import Encoder

LINES = ["does ice help", "i cant pee and my legs are numb", ""]
LONG = "my back hurts and i sat all day " * 60  # more than one window


@pytest.fixture(autouse=True)
def an_earlier_check(tmp_path):
    encoder = LineEncoder(tmp_path / "cache")
    encoder.encode([*LINES, LONG])
    encoder.keep()


def test_a_line_is_encoded_once_and_gets_the_vector_of_a_message(tmp_path, monkeypatch):
    plain = Encoder()
    alone = {line: plain.encode([line])[0] for line in (*LINES, LONG, "a new line")}
    again = LineEncoder(tmp_path / "cache")
    encoded = []
    encode = Encoder.encode
    monkeypatch.setattr(Encoder, "encode", lambda self, texts: encoded.extend(texts) or encode(self, texts))
    found = again.encode([*LINES, LONG, "a new line", "a new line"])
    assert encoded == [LONG, "a new line"]
    for line, vectors in zip((*LINES, LONG, "a new line"), found, strict=False):
        for kept, wanted in zip(vectors, alone[line], strict=True):
            assert kept.shape == wanted.shape
            assert np.abs(kept - wanted).max() < 1e-3, line


def test_lines_that_are_gone_are_let_go_when_new_ones_come(tmp_path):
    def kept():
        return len(LineEncoder(tmp_path / "cache")._known)

    assert kept() == len(LINES)
    fewer = LineEncoder(tmp_path / "cache")
    fewer.encode(LINES[:1])
    fewer.keep()
    assert kept() == len(LINES)
    fewer.encode(["a new line"])
    fewer.keep()
    assert kept() == 2


def test_a_damaged_file_and_a_folder_that_can_not_be_made_cost_time_only(tmp_path):
    (file,) = (tmp_path / "cache").glob("lines-*.npz")
    file.write_bytes(file.read_bytes()[:200])
    assert len(LineEncoder(tmp_path / "cache").encode(LINES)) == len(LINES)
    (tmp_path / "file").touch()
    nowhere = LineEncoder(tmp_path / "file/cache")
    nowhere.encode(LINES)
    nowhere.keep()
