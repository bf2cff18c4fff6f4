"""What no answer may hold: a verdict on who needs no care or what somebody has, a promise, a dose.

Kinds of sentences rather than sayings: that care is not needed, that pain is to be borne, how much of a medicine.
"""

import re
from collections.abc import Iterator

_CARE = (
    r"(?:doctors?|gps?|nurses?|hospitals?|ambulances?|emergency|a ?& ?e|casualty|er|999|911|112|111|000|clinicians?|physios?|"
    r"pharmacists?|paramedics?|medical \w+|help|scans?|x-?rays?|mri|check(?:ed|-?ups?)?|seen|appointments?)"
)
_NOT = r"(?:\w+n['’]t|(?:\w+ )?not|no|never|hardly)"
_CALLING = r"(?:needs?|needed|have to|has to|must|necessary|reason|cause|point|use|see|call|bother|go|visit|ring|phone|contact)"
# "Do not go on until a doctor has seen it" sends to the doctor.
_AWAY = r"(?:(?!\b(?:until|unless|before|without|but|so|then|wait|late|delay)\b)[^.!?;\n])"
_ILLNESS = (
    r"(?:slipped|herniated|bulging|ruptured|pinched|trapped|pulled|torn|disc|sciatica|arthritis|scoliosis|fracture|stroke|"
    r"heart attack|infection|cancer|tumou?r|blood clot|kidney stones?)"
)


def _any_of(*kinds: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(kinds)})", re.IGNORECASE)


_VERDICT = _any_of(
    # Care is not needed.
    rf"{_NOT}\s+(?:\w+\s+){{0,2}}?{_CALLING}\b{_AWAY}{{0,40}}?\b{_CARE}\b",
    rf"{_NOT}\s+(?:an? )?{_CARE}\s+(?:\w+ ){{0,2}}?(?:needed|necessary|required)\b",
    rf"{_CARE}\s+(?:is|are)(?: not|n['’]t) (?:needed|necessary|required)\b",
    rf"{_CARE} (?:is|are) (?:unnecessary|pointless)\b",
    rf"(?:skip|forget(?: about)?|leave|do without|put off|hold off|wait with) (?:seeing )?(?:the |an? |your |any )?{_CARE}\b",
    # Pain and signs are to be borne.
    r"safe to (?:wait|ignore|carry on)\b",
    r"(?:walk|sleep|shake|work) it off\b",
    r"(?:push|work|train|fight|power) through (?:it|the|your|any|pain)\b",
    r"(?:tough|ride|wait) it out\b",
    r"grin and bear\b",
    r"ignore (?:it|this|that|the|any|your|numb\w*|pain|weak\w*)\b",
    # What somebody has, or has not.
    r"(?:it|this|that)(?:['’]s| is) (?:no|not an) emergency\b",
    r"(?:it|this|that|pain)(?:['’]s| is) (?:only|just|nothing but|merely) (?:\w+ ){0,2}?"
    r"(?:muscles?|spasms?|strain|sprain|cramps?|stress|wind|gas|age)\b",
    r"nothing (?:is |to be )?(?:broken|wrong|afraid of|to fear|bad|serious|to worry about)\b",
    rf"(?<!if )(?<!when )(?<!whether )(?<!do )(?<!once )you(?:['’]ve(?: got)?| have| have got) (?:an? )?{_ILLNESS}\b",
    r"you(?:['’]re| are) (?:fine|ok|okay|safe|healthy)\b",
    r"(?:don['’]t|do not|no need to) worry\b",
    # Promises.
    r"will (?:cure|heal|fix|go away)",
    r"(?:cures?|guarantee[ds]?|definitely|always works|completely safe|harmless|not serious)\b",
    r"100 ?%",
)
_DENIED = re.compile(
    r"(?:\bno\b(?!,)|\b(?:not|never|nobody|none|cannot|can not|\w+n['’]t)\b)[^.!?\n]{0,40}$", re.IGNORECASE
)

_MEDICINE = (
    r"(?:pills?|tablets?|capsules?|caplets?|painkillers?|pain relief|medicines?|medications?|meds|drugs?|doses?|ibuprofen|paracetamol|"
    r"acetaminophen|tylenol|advil|nurofen|panadol|aspirin|naproxen|diclofenac|codeine|co-codamol|tramadol|diazepam|"
    r"magnesium|relaxants?|nsaids?|supplements?|vitamins?|\w*thinners|antibiotics|steroids|inhalers?)"
)
_NUMBER = r"(?:\d+(?:[.,]\d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|half an?|a few|a couple of)"
_COUNT = _NUMBER.replace("an?|", "", 1)
_DOSE = _any_of(
    rf"{_COUNT}\s*(?:(?:to|or|-|–)\s*{_COUNT}\s*)?"
    r"(?:(?:mg|mcg|µg|g|iu)\b|(?:milli)?grams?\b|ml\b|drops\b|puffs\b|(?:tea)?spoon\w*"
    rf"|(?:\w+ )?{_MEDICINE}\b|(?:times|x)\s+(?:a|per|each|every)\s+day\b|times\s+daily\b)",
    rf"take\s+{_COUNT}(?: or {_COUNT})?(?=[.,;!]|$| (?:at|before|after|with|every|each|a day|daily|twice|more|now)\b)",
    r"doubl(?:e|ing) up on\b",
)
# These are a dose where a medicine is spoken of.
_HOW_MUCH = _any_of(
    r"(?:doubl(?:e|ing)|tripl(?:e|ing)|twice|halve|halving)\b",
    r"(?:increas|rais|reduc|lower|exceed|mix)(?:e|ing|)\b",
    r"(?:go|going) over\b",
    r"on top of\b",
    rf"(?:extra|another|more|additional|fewer|up|higher|bigger|larger|stronger|smaller|lower) (?:of )?(?:your |the )?{_MEDICINE}\b",
    r"(?:stop|quit|skip|miss|come off|cut down on|top up)(?:ping|ting)? (?:taking )?(?:your |the |all |a )?(?:\w+ )?"
    rf"{_MEDICINE}\b",
    rf"every {_NUMBER}(?: (?:to|or) {_NUMBER})? hours?\b",
    r"every hour\b",
    rf"(?:once|{_COUNT}|twice) (?:times )?(?:a|per) day\b",
    r"as (?:many|much|often)\b",
    r"(?:max|maximum|at most|up to) (?:of )?\d",
)
_IS_OF_MEDICINE = _any_of(rf"(?:{_MEDICINE}|leaflet|label)\b")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\d)[^.!?\n]+)*[.!?]?")


def find_verdicts(text: str) -> Iterator[re.Match[str]]:
    """Verdicts, promises and diagnoses in ``text``; what denies one is none."""
    return (found for found in _VERDICT.finditer(text) if not _DENIED.search(text[: found.start()]))


def find_doses(text: str) -> Iterator[str]:
    """Words that say how much of a medicine, or to change how much."""
    for sentence in _SENTENCE.findall(text):
        wanted = [_DOSE] + [_HOW_MUCH] * bool(_IS_OF_MEDICINE.search(sentence))
        for pattern in wanted:
            yield from (
                found[0] for found in pattern.finditer(sentence) if not _DENIED.search(sentence[: found.start()])
            )
