"""Takes identifiers out of a message before anybody else may read it."""

import re

_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_WEB = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<!\w)@\w{3,}")
_DATE_OF_BIRTH = re.compile(
    r"(?<!\d)(?<!\d[\s./-])(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|\d{4}[./-]\d{1,2}[./-]\d{1,2})(?!\s?[./-]?\s?\d)"
)
# Any run of five digits or more names somebody: phone, record, account, postcode. With slashes or wide gaps seven: 120/80 is
# a blood pressure.
_NUMBERS = (re.compile(r"[+(]*\d(?:[\s()./–—-]{0,4}\d){6,}"), re.compile(r"[+(]*\d(?:[\s().-]{0,2}\d){4,}"))
_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b", re.IGNORECASE)
_NAME = re.compile(
    r"\b((?i:my name is|my name's|my names|i am called|i'm called|this is|name:|dr|mr|mrs|ms|miss|mister|doctor))"
    r"(\.?\s+)((?:[A-Z][\w'-]+)(?:\s+[A-Z][\w'-]+){0,2}|(?<=name is )\w+(?:\s\w+)?)"
)
_NAME_LOWER = re.compile(r"\b((?i:my name is|my name's|my names|i am called|i'm called))(\s+)([\w'-]+)")
_MAX_CHARS = 1_000


def scrub(utterance: str) -> str:
    """``utterance`` (its first 1,000 characters) with phone numbers, e-mail and web addresses, handles, dates, long
    numbers, postcodes and names after "my name is" replaced by words in brackets.

    Rules, not a model: a name without such a word before it stays, which is why a person sees it first and nothing is
    published.
    """
    text = _EMAIL.sub("[e-mail]", _WEB.sub("[link]", utterance[:_MAX_CHARS]))
    text = _DATE_OF_BIRTH.sub("[date]", text)
    for number in _NUMBERS:
        text = number.sub("[number]", text)
    text = _POSTCODE.sub("[postcode]", text)
    text = _HANDLE.sub("[name]", text)
    text = _NAME.sub(r"\1\2[name]", text)
    return _NAME_LOWER.sub(r"\1\2[name]", text)
