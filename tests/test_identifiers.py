"""What is kept of a missed message names nobody."""

import pytest

from bot.assistant.identifiers import scrub


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("call me on 07700 900123 about ice", "call me on [number] about ice"),
        ("call me on +44 7700 900123", "call me on [number]"),
        ("my number is (555) 867-5309 ok", "my number is [number] ok"),
        ("mail jo.smith@example.org please", "mail [e-mail] please"),
        ("ring 0171/123 45 67", "ring [number]"),
        ("ring (555) - 867 - 5309", "ring [number]"),
        ("ring 07700–900–123", "ring [number]"),
        ("ring 491-19-11", "ring [number]"),
        ("my blood pressure is 120/80", "my blood pressure is 120/80"),
        ("see https://example.org/me", "see [link]"),
        ("born 12/03/1961", "born [date]"),
        ("born 1961-03-12", "born [date]"),
        ("NHS number 943 476 5919", "NHS number [number]"),
        ("my name is Anna Schmidt and my back hurts", "my name is [name] and my back hurts"),
        ("my name is bob", "my name is [name]"),
        ("I saw Dr Patel", "I saw Dr [name]"),
        ("ask @backdoc", "ask [name]"),
        ("I live at SW1A 1AA", "I live at [postcode]"),
        ("3 days of ice, 20 minutes", "3 days of ice, 20 minutes"),
        ("does heat help?", "does heat help?"),
    ],
)
def test_identifiers_go_and_the_question_stays(typed, kept):
    assert scrub(typed) == kept


def test_a_long_message_is_cut_before_it_is_searched():
    assert len(scrub("a " * 4000)) <= 1000
