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
_VERDICT = re.compile(
    rf"\b{_NOT}\s+(?:\w+\s+){{0,2}}?{_CALLING}\b{_AWAY}{{0,40}}?\b{_CARE}\b"
    rf"|\b{_NOT}\s+(?:an? )?{_CARE}\s+(?:\w+ ){{0,2}}?(?:needed|necessary|required)\b"
    rf"|\b{_CARE}\s+(?:is|are)(?: not|n['’]t) (?:needed|necessary|required)\b|\b{_CARE} (?:is|are) (?:unnecessary|pointless)\b"
    rf"|\b(?:skip|forget(?: about)?|leave|do without|put off|hold off|wait with) (?:seeing )?(?:the |an? |your |any )?{_CARE}\b"
    r"|\bsafe to (?:wait|ignore|carry on)\b|\b(?:it|this|that)(?:['’]s| is) (?:no|not an) emergency\b"
    r"|\b(?:walk|sleep|shake|work) it off\b|\b(?:push|work|train|fight|power) through (?:it|the|your|any|pain)\b"
    r"|\b(?:tough|ride|wait) it out\b|\bgrin and bear\b|\bignore (?:it|this|that|the|any|your|numb\w*|pain|weak\w*)\b"
    r"|\b(?:it|this|that|pain)(?:['’]s| is) (?:only|just|nothing but|merely) (?:\w+ ){0,2}?"
    r"(?:muscles?|spasms?|strain|sprain|cramps?|stress|wind|gas|age)\b"
    r"|\bnothing (?:is |to be )?(?:broken|wrong|afraid of|to fear|bad|to worry about)\b|\bno need to worry\b"
    rf"|(?<!if )(?<!when )(?<!whether )(?<!do )(?<!once )\byou(?:['’]ve(?: got)?| have| have got| probably have| must have) (?:an? )?{_ILLNESS}\b"
    r"|\byou(?:['’]re| are) (?:fine|ok|okay|safe|healthy)\b|\b(?:don['’]t|do not) worry\b"
    r"|\bwill (?:cure|heal|fix|go away)|\bcures?\b|\bguarantee[ds]?\b|\bdefinitely\b|\balways works\b|\bcompletely safe\b"
    r"|\b100 ?%|\bharmless\b|\bnot serious\b|\bnothing serious\b",
    re.IGNORECASE,
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
_DOSE = re.compile(
    rf"\b{_COUNT}\s*(?:(?:to|or|-|–)\s*{_COUNT}\s*)?(?:(?:mg|mcg|µg|g|iu)\b|(?:milli)?grams?\b|ml\b|drops\b|puffs\b|(?:tea)?spoon\w*"
    rf"|(?:\w+ )?{_MEDICINE}\b|(?:times|x)\s+(?:a|per|each|every)\s+day\b|times\s+daily\b)"
    rf"|\btake\s+{_COUNT}(?: or {_COUNT})?(?=[.,;!]|$| (?:at|before|after|with|every|each|a day|daily|twice|more|now)\b)"
    r"|\bdoubl(?:e|ing) up on\b",
    re.IGNORECASE,
)
# These are a dose where a medicine is spoken of.
_HOW_MUCH = re.compile(
    r"\b(?:doubl(?:e|ing)|tripl(?:e|ing)|twice|halve|halving)\b"
    r"|\b(?:increas|rais|reduc|lower|exceed|mix)(?:e|ing|)\b|\b(?:go|going) over\b|\bon top of\b|\b(?:extra|another|more|additional|fewer) (?:of )?(?:your |the )?"
    rf"{_MEDICINE}\b|\b(?:up|higher|bigger|larger|stronger|smaller|lower) (?:your |the )?{_MEDICINE}\b|\b(?:stop|quit|skip|miss|come off|cut down on|top up)(?:ping|ting)? (?:taking )?(?:your |the |all |a )?{_MEDICINE}\b"
    rf"|\bevery {_NUMBER}(?: (?:to|or) {_NUMBER})? hours?\b|\bevery hour\b|\b(?:once|{_COUNT}|twice) (?:times )?(?:a|per) day\b"
    r"|\bas (?:many|much|often)\b|\bat once\b.*\btogether\b|\b(?:max|maximum|at most|up to) (?:of )?\d",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\d)[^.!?\n]+)*[.!?]?")


def find_verdicts(text: str) -> Iterator[re.Match[str]]:
    """Verdicts, promises and diagnoses in ``text``; what denies one is none."""
    return (found for found in _VERDICT.finditer(text) if not _DENIED.search(text[: found.start()]))


def find_doses(text: str) -> Iterator[str]:
    """Words that say how much of a medicine, or to change how much."""
    for sentence in _SENTENCE.findall(text):
        wanted = [_DOSE] + [_HOW_MUCH] * bool(re.search(rf"\b(?:{_MEDICINE}|leaflet|label)\b", sentence, re.IGNORECASE))
        for pattern in wanted:
            yield from (
                found[0] for found in pattern.finditer(sentence) if not _DENIED.search(sentence[: found.start()])
            )
