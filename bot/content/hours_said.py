"""Opening hours in words: open until when, the week, what differs in the next days."""

from datetime import date, datetime, timedelta

from bot.content.hours import DAY_NAMES, MONTH_NAMES, OpeningTimes, Week


def say_time(moment: datetime, is_12_hour: bool) -> str:
    if not is_12_hour:
        return f"{moment:%H:%M}"
    half = "am" if moment.hour < 12 else "pm"
    return f"{moment.hour % 12 or 12}{f':{moment:%M}' if moment.minute else ''} {half}"


def say_day(day: date, today: date) -> str:
    """A day as people say it: today, tomorrow, on Monday, on Monday 4 January."""
    ahead = (day - today).days
    if ahead <= 1:
        return ("today", "tomorrow")[ahead]
    name = DAY_NAMES[day.weekday()]
    return f"on {name}" if ahead < 7 else f"on {name} {day.day} {MONTH_NAMES[day.month - 1]}"


def say_now(times: OpeningTimes, now: datetime, is_12_hour: bool = False) -> str:
    """One sentence: open until when, or closed until when."""
    today = times.local(now).date()
    change = times.next_change(now)
    if times.is_open(now):
        if change is None:
            return "We are open now."
        return f"We are open now, until {say_time(change, is_12_hour)}.{_say_after_break(times, change, is_12_hour)}"
    if change is None:
        return "We are closed now."
    return f"We are closed now. We open again {say_day(change.date(), today)} at {say_time(change, is_12_hour)}."


def _say_after_break(times: OpeningTimes, closing: datetime, is_12_hour: bool) -> str:
    later = [opens for opens, _ in times.spans_on(closing.date()) if opens > closing]
    return f" After the break we open again at {say_time(later[0], is_12_hour)}." if later else ""


def say_week(times: OpeningTimes, is_12_hour: bool = False) -> list[str]:
    """The ordinary week, days with equal hours together: ``Monday to Friday: 08:00-12:00 and 13:00-18:00``."""
    lines = []
    for first, last, spans in _runs(times.week):
        days = DAY_NAMES[first] if first == last else f"{DAY_NAMES[first]} to {DAY_NAMES[last]}"
        lines.append(f"{days}: {_say_spans(spans, is_12_hour)}")
    return lines


def _runs(week: Week) -> list[tuple[int, int, tuple[tuple[int, int], ...]]]:
    runs: list[tuple[int, int, tuple[tuple[int, int], ...]]] = []
    for number, spans in enumerate(week.days):
        if runs and runs[-1][2] == spans:
            runs[-1] = (runs[-1][0], number, spans)
        else:
            runs.append((number, number, spans))
    return runs


def closures(times: OpeningTimes, now: datetime, is_12_hour: bool = False, days: int = 14) -> list[str]:
    """What differs from the ordinary week within the next ``days``, in words; closed days in a row as one."""
    today = times.local(now).date()
    runs: list[tuple[date, date, str]] = []
    for ahead in range(days):
        day = today + timedelta(days=ahead)
        actual = tuple((_minute_of(opens), _minute_of(closes) or 24 * 60) for opens, closes in times.spans_on(day))
        said = _say_spans(actual, is_12_hour) if actual != times.week.days[day.weekday()] else ""
        # An ordinary Sunday between closed days does not break the run for a reader.
        if runs and runs[-1][1] == day - timedelta(days=1) and runs[-1][2] == "closed" and not actual:
            runs[-1] = (runs[-1][0], day, "closed")
        elif said:
            runs.append((day, day, said))
    return [f"{_say_days(first, last)}: {said}" for first, last, said in runs]


def _minute_of(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def _say_days(first: date, last: date) -> str:
    def say(day: date) -> str:
        return f"{DAY_NAMES[day.weekday()]} {day.day} {MONTH_NAMES[day.month - 1]}"

    return say(first) if first == last else f"{say(first)} to {say(last)}"


def _say_spans(spans: tuple[tuple[int, int], ...], is_12_hour: bool) -> str:
    midnight = datetime(2026, 1, 1)

    def say(minutes: int) -> str:
        return say_time(midnight + timedelta(minutes=minutes), is_12_hour)

    return " and ".join(f"{say(start)}-{say(end)}" for start, end in spans) or "closed"
