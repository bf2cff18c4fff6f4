"""An answer gives no verdict and no dose, however it is put; what sends to a doctor is neither."""

import pytest

from bot.checking.verdicts import find_doses, find_verdicts


@pytest.mark.parametrize(
    "said",
    [
        "You do not need a doctor if your legs go numb.",
        "There is no need to call 999.",
        "You don't have to see a nurse.",
        "No doctor is needed for that.",
        "A scan is not necessary.",
        "Yes, walk it off.",
        "No, just sleep it off.",
        "Push through the pain.",
        "You can ignore the numbness.",
        "You can safely ignore this.",
        "It is only a muscle.",
        "That's just a pulled muscle.",
        "You have a slipped disc.",
        "Nothing is broken.",
        "It will go away.",
        "You are fine.",
        "Don't bother calling a doctor.",
        "You won't need an ambulance.",
        "Skip the doctor.",
        "It is safe to wait a week.",
        "You've got sciatica.",
    ],
)
def test_a_verdict_is_found(said):
    assert list(find_verdicts(said))


@pytest.mark.parametrize(
    "said",
    [
        "See a doctor if it gets worse.",
        "Do not wait. Call a doctor.",
        "Do not go back to sport until a doctor has seen you.",
        "Never push through pain.",
        "Do not ignore it.",
        "It does not always go away, so see a doctor.",
        "You do not have to buy a new bed first.",
        "Ask first if you have sciatica.",
        "Do not see it as a cure.",
        "Even if it is just round the room.",
        "In some places you can go without seeing a doctor first.",
    ],
)
def test_what_sends_to_help_is_no_verdict(said):
    assert not list(find_verdicts(said))


@pytest.mark.parametrize(
    "said",
    [
        "Double up on your pills before the walk.",
        "Take 400 mg of it.",
        "Take two paracetamol.",
        "One or two tablets will do.",
        "Take two before bed.",
        "Ibuprofen every six hours is fine.",
        "You can take paracetamol four times a day.",
        "Take an extra tablet.",
        "Stop taking your medicine.",
        "Skip a dose.",
        "Use as many painkillers as you like.",
        "Halve your painkillers.",
        "A painkiller twice a day helps.",
        "Increase the dose slowly.",
        "Take 1 g at night.",
        "Up your dose.",
        "Take twice what the label says.",
        "A higher dose is fine.",
        "Stop your blood thinners.",
    ],
)
def test_a_dose_is_found(said):
    assert list(find_doses(said))


@pytest.mark.parametrize(
    "said",
    [
        "Never double your dose.",
        "Do not take more tablets than the leaflet says.",
        "Do not stop your medicines before you have asked a doctor.",
        "Take two short breaks.",
        "Change position every two hours.",
        "Walk twice a day.",
        "Read the leaflet. Ask a pharmacist about painkillers.",
        "After six weeks they used less pain medicine.",
        "Take a walk, then one easy move.",
    ],
)
def test_what_gives_no_amount_is_no_dose(said):
    assert not list(find_doses(said))
