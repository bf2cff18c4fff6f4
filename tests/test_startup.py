"""What is built at the start is left out of garbage collection until it is replaced."""

import gc

import pytest

from bot.startup import built_to_stay, replaced


@pytest.fixture(autouse=True)
def as_before():
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_built_to_stay_is_frozen_and_collecting_goes_on():
    with built_to_stay():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_collecting_goes_on_after_a_start_that_failed():
    with pytest.raises(ValueError, match="bad content"), built_to_stay():
        raise ValueError("bad content")
    assert gc.isenabled()


def test_what_was_replaced_may_be_collected():
    with built_to_stay():
        pass
    replaced()
    assert gc.get_freeze_count() == 0
