"""What somebody who knows the clinic would say about its facts: days it closes unawares, a clock of elsewhere."""

from collections.abc import Iterator
from datetime import date

from bot.content import Content
from bot.content.hours import public_holidays
from bot.content.places import is_clock_of, zones_of
from bot.errors import Problem, Severity


def remarks(content: Content, today: date) -> Iterator[Problem]:
    clinic, document = content.clinic, content.documents["clinic.yaml"]
    if not is_clock_of(clinic.timezone, clinic.country, clinic.region):
        zones = ", ".join(zones_of(clinic.country, clinic.region)[:4])
        message = f"`{clinic.timezone}` is not the clock of {clinic.country}."
        cure = f"There one lives by {zones}. Correct `timezone` or `country`."
        yield Problem(document.path, document.line("timezone"), message, cure, Severity.WARNING)
    if clinic.times.closes_on_holidays and not clinic.region and (regions := _regions(clinic.country, today)):
        days = "; ".join(
            f"{day:%a} {day.day} {day:%b %Y} {name}"
            for day, name in public_holidays(clinic.country, "", today.year).items()
            if today <= day < today.replace(year=today.year + 1, day=min(today.day, 28))
        )
        message = f"no `region`: patients will read that you are closed on these days only, the same in all of {clinic.country}: {days}."
        cure = f"Write `region:` and one of {', '.join(regions)}; or list your days under `closed:`."
        yield Problem(document.path, document.line("region"), message, cure, Severity.WARNING)


def _regions(country: str, today: date) -> list[str]:
    """Regions of ``country``, where they have other public holidays than the country as a whole."""
    import holidays

    regions = holidays.country_holidays(country).subdivisions
    common = public_holidays(country, "", today.year).keys()
    return list(regions) if any(public_holidays(country, one, today.year).keys() != common for one in regions) else []
