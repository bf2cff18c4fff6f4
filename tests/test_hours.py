"""Hours as a receptionist types them are answered for now, in the clinic's own time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.content.clinic import Clinic, fill
from bot.content.hours import OpeningTimes, compile_closed, parse_week
from bot.content.hours_said import closures, say_now, say_week


def clinic(**changes):
    fields = {
        "name": "Test", "country": "GB", "region": "ENG", "timezone": "Europe/London", "phone": "+44 20 7946 0123", "address": "a",
        "hours": ["mon-fri: 8-12, 13-18", "sat: 9am-noon"], "closed": ["24 Dec 12:00 – 3 Jan"],
    }  # fmt: skip
    return Clinic.model_validate(fields | changes)


WEEK, ALWAYS = parse_week(("mon-fri: 8-12, 13-18", "sun: 0-24")), parse_week(("mon-sun: 0-24",))


def zones_that_change():
    """Days of 2026 to 2028, as UTC midnights, on which a clock is set; of zones that are alike, one."""
    days = [datetime(2025, 12, 31, tzinfo=UTC) + timedelta(days=n) for n in range(3 * 366)]
    found = {}
    for zone in sorted(available_timezones()):
        offsets = tuple(day.astimezone(ZoneInfo(zone)).utcoffset() for day in days)
        found.setdefault(offsets, zone)
    return {
        zone: [day for day, before, after in zip(days[1:], offsets, offsets[1:], strict=False) if before != after]
        for offsets, zone in found.items()
    }


def is_within(week, local):
    minute = local.hour * 60 + local.minute
    return any(opens <= minute < closes for opens, closes in week.days[local.weekday()])


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2026-11-23T09:00", "We are open now, until 12:00. After the break we open again at 13:00."),
        ("2026-11-23T12:30", "We are closed now. We open again today at 13:00."),
        ("2026-11-23T14:00", "We are open now, until 18:00."),
        ("2026-11-22T12:00", "We are closed now. We open again tomorrow at 08:00."),
        ("2026-11-28T12:00", "We are closed now. We open again on Monday at 08:00."),
        ("2026-12-24T10:00", "We are open now, until 12:00."),
        ("2026-12-24T12:30", "We are closed now. We open again on Monday 4 January at 08:00."),
        ("2026-12-30T12:30", "We are closed now. We open again on Monday at 08:00."),
        ("2026-05-04T09:00", "We are closed now. We open again tomorrow at 08:00."),  # early May bank holiday
        ("2026-06-01T16:30", "We are open now, until 18:00."),  # 17:30 in London's summer
        ("2026-06-01T17:30", "We are closed now. We open again tomorrow at 08:00."),
    ],
)
def test_open_or_closed_is_said_for_now(now, said):
    assert say_now(clinic().times, at(now)) == said


def test_the_clock_change_moves_no_opening():
    times = clinic().times
    assert not times.is_open(at("2026-03-27T07:30"))  # Friday before: 07:30 in London
    assert times.is_open(at("2026-03-30T07:30"))  # Monday after: 08:30 in London


def test_other_countries_say_hours_their_way():
    american = clinic(country="US", region="NY", timezone="America/New_York", closed=[])
    assert say_now(american.times, at("2026-11-23T15:00"), american.is_12_hour) == (
        "We are open now, until 12 pm. After the break we open again at 1 pm."
    )
    assert say_now(american.times, at("2026-11-26T18:00"), True) == "We are closed now. We open again tomorrow at 8 am."
    assert say_week(american.times, True)[0] == "Monday to Friday: 8 am-12 pm and 1 pm-6 pm"


def test_the_week_is_said_with_equal_days_together():
    assert say_week(clinic().times) == [
        "Monday to Friday: 08:00-12:00 and 13:00-18:00",
        "Saturday: 09:00-12:00",
        "Sunday: closed",
    ]


def test_a_special_day_overrides_a_closed_one():
    special = clinic(special=["29 Dec: 9-12"])
    assert special.times.is_open(at("2026-12-29T10:00"))
    assert not special.times.is_open(at("2026-12-30T10:00"))


def test_coming_changes_are_said_as_runs():
    assert closures(clinic().times, at("2026-12-22T09:00")) == [
        "Thursday 24 December: 08:00-12:00",
        "Friday 25 December to Sunday 3 January: closed",
    ]


def test_a_year_holds_over_new_year():
    assert compile_closed("24 Dec 2026 – 3 Jan") == ["2026 Dec 24-2027 Jan 03 off"]
    assert not clinic(closed=["24 Dec 2026 – 3 Jan"]).times.is_open(at("2027-01-02T10:00"))
    assert clinic(closed=["24 Dec 2026 – 2 Jan"]).times.is_open(at("2027-12-23T10:00"))


@pytest.mark.parametrize(
    ("field", "line", "said"),
    [
        ("hours", "mon-fri 8-12", "no colon"),
        ("hours", "mon: 18-8", "ends before"),
        ("hours", "fun: 8-12", "not a weekday"),
        ("hours", "mon: 25-26", "not a time of day"),
        ("hours", "mon: morning", "not an opening time"),
        ("hours", "mon: 8-13, 12-18", "overlap"),
        ("hours", "mon-fri: 1-6pm", "may mean several times. | Write 13:00-18:00."),
        ("hours", "mon: 4-10 pm", "may mean several times. | Write 16:00-22:00."),
        ("hours", "mon: 7 to 9 pm", "may mean several times. | Write 19:00-21:00 or 07:00-21:00."),
        ("hours", "mon: 2-7", "would begin at night. | Write 14:00-19:00."),
        ("hours", "mon: 8-12, 1:30-5:30", "would begin at night. | Write 13:30-17:30."),
        ("hours", "mon: 9-5", "ends before it begins. | Write 09:00-17:00."),
        ("special", "27 Dec: 2-6", "would begin at night"),
        ("closed", "24 Dec 2 – 3 Jan", "would be at night. | Write 14:00."),
        ("closed", "3 Jan 2027 – 24 Dec 2026", "ends before it begins"),
        ("closed", "10 Aug – 1 Aug", "ends before it begins"),
        ("closed", "10 Aug – 1 Aug 2027", "ends before it begins"),
        ("closed", "24 Dec 18:00 – 24 Dec 12:00", "ends before it begins"),
        ("closed", "29 Feb – 3 Mar 2027", "not a day of the year"),
        ("closed", "Christmas", "not a closed time"),
        ("closed", "31 Feb", "not a day"),
        ("special", "27 Dec 9-12 or so", "not a special day"),
        ("timezone", "London", "not a time zone"),
        ("booking_url", "example.com", "not a web address"),
    ],
)
def test_what_can_not_be_read_is_refused_with_the_cure(field, line, said):
    value = line if field in {"timezone", "booking_url"} else [line]
    with pytest.raises(ValidationError) as refused:
        clinic(**{field: value})
    message = refused.value.errors()[0]["msg"]
    assert said in message
    assert " | " in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("9-5pm", "09:00-17:00"),
        ("9am-5", "09:00-17:00"),
        ("10-2pm", "10:00-14:00"),
        ("noon-6", "12:00-18:00"),
        ("12-6pm", "12:00-18:00"),
        ("8-noon", "08:00-12:00"),
        ("6pm-midnight", "18:00-00:00"),
        ("02:00-07:00", "02:00-07:00"),
        ("2am-7am", "02:00-07:00"),
        ("7-12", "07:00-12:00"),
    ],
)
def test_half_days_are_read_as_meant_where_only_one_reading_fits(line, said):
    assert say_week(clinic(hours=[f"mon: {line}"]).times)[0] == f"Monday: {said}"


def test_in_every_zone_each_day_of_three_years_has_its_opening_hours():
    """Where clocks change at midnight, a day begins at one, or its last hour comes twice. Days far from a change are
    all alike, and so are zones that change together."""
    for zone, days in zones_that_change().items():
        for week in (ALWAYS, WEEK):
            times = OpeningTimes(week, (), (), zone)
            for now in (day + timedelta(hours=hours) for day in days for hours in (-13 * 24, -12, 0, 1, 6, 23)):
                assert closures(times, now) == [], (zone, now)
                assert times.is_open(now) == is_within(week, times.local(now)), (zone, now)
                assert say_now(times, now).startswith("We are open" if times.is_open(now) else "We are closed")


@given(
    st.sampled_from(sorted(available_timezones())),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)),
)
def test_at_any_moment_anywhere_the_hours_are_said(zone, now):
    times = OpeningTimes(WEEK, (), (), zone)
    assert closures(times, now) == []
    assert times.is_open(now) == is_within(WEEK, times.local(now))
    assert say_now(times, now)


def test_a_country_gives_its_numbers_and_the_clinic_may_override_them():
    assert clinic().emergency_number == "999"
    assert clinic(country="US", region="", timezone="America/Denver").emergency_number == "911"
    assert clinic(emergency={"number": "112"}).emergency_number == "112"


@pytest.mark.parametrize("zone", ["GR Europe/Athens", "JP Asia/Tokyo", "BR America/Sao_Paulo", "IS Atlantic/Reykjavik"])
def test_an_emergency_card_always_has_a_number(zone):
    country, _, timezone = zone.partition(" ")
    number = {"number": "112"} if country == "IS" else {}
    assert clinic(country=country, region="", timezone=timezone, emergency=number).emergency_number.isdigit()


def test_a_country_without_a_known_emergency_number_needs_one():
    elsewhere = {"country": "KE", "region": "", "timezone": "Africa/Nairobi"}
    with pytest.raises(ValidationError, match="emergency number of KE is not known"):
        clinic(**elsewhere)
    assert clinic(**elsewhere, emergency={"number": "999"}).emergency_number == "999"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("phone", "does ice help?", "not a phone number"),
        ("phone", "12345", "not a phone number"),
        ("phone", "020 7946 0999", "country code"),
        ("phone", "“+44 20 7946 0123”", "not a phone number"),
        ("phone", "+44 20 79", "not a phone number"),
        ("phone", "+44 20 7946 0123 or ask Jo", "not a phone number"),
        ("email", "“jo@example.com”", "not an e-mail"),
        ("email", "example.com", "not an e-mail"),
        ("country", "UK", "GB for the United Kingdom"),
        ("country", "gb", "not the code of a country"),
        ("country", "XX", "not the code of a country"),
        ("timezone", "EST", "is no place"),
        ("timezone", "MST", "is no place"),
        ("timezone", "UTC", "is no place"),
        ("timezone", "Etc/GMT+1", "is no place"),
        ("timezone", "Africa/Abidjan", "no summer time, but GB has"),
        ("region", "TX", "not known"),
        ("emergency", {"number": "ask at the desk"}, "can't be dialled"),
        ("emergency", {"crisis_line": "the Samaritans"}, "no number stands"),
    ],
)
def test_a_fact_that_nobody_can_mean_is_refused(field, value, said):
    with pytest.raises(ValidationError, match=said) as refused:
        clinic(**{field: value})
    assert " | " in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "phone",
    ["+44 20 7946 0123", "+1 (512) 555-0100", "+49 30/901820", "+44 (0)20 7946 0123", "+61 2 9665 1234 ext. 12",
     "+442079460123 (reception)"],
)  # fmt: skip
def test_a_phone_number_may_be_written_in_many_ways(phone):
    assert clinic(phone=phone).phone == phone


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Book online at {booking_url}, call {phone} or write to {email}.", "Call +44 20 7946 0123."),
        ("To reach a person, call {phone} or write to {email}.", "To reach a person, call +44 20 7946 0123."),
        ("You can also book: {booking_url}. In an emergency call {emergency_number}.", "In an emergency call 999."),
        ("Find us.\n\n{parking}\n\nMap: {map_url}", "Find us.\n\n\n\n"),
        ("- E-mail: {email}\n- Phone: {phone}", "\n- Phone: +44 20 7946 0123"),
        ("Up to {days} days, {email}.", "Up to {days} days."),
    ],
)
def test_what_a_clinic_has_not_leaves_no_hole_in_a_text(text, said):
    assert fill(text, lambda name: clinic().fact(name, at("2026-11-23T09:00"))) == said
