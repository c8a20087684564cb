"""Compares what change windows say with Python's zoneinfo, for all zones and all their transitions from 2026 to 2036.

The reference below is written from docs/steer.md, not from the Rust code: each beginning and each end is a civil time, and zoneinfo says
which moment it is. `fold=0` is the rule of RFC 5545: a time that is skipped is read with the offset from before the jump, and of a time
that clocks show twice it is the first.

Usage: compare.py PROGRAM, where PROGRAM is the example `answers` of the crate pmp-windows.
"""

import importlib.metadata
import os
import subprocess
import sys
import time
import zoneinfo
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import cache

# The data of the package tzdata, and never the host's.
zoneinfo.reset_tzpath(to=[])

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
FIRST, LAST = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (2026, 2037))
HOUR = timedelta(hours=1)
# As the Rust side looks: it tells an end that is at most two weeks away.
LONG = 14 * 24 * 3600


def transitions(zone):
    """The moments at which the zone's offset changes, to the second."""
    found, step = [], timedelta(days=7)
    at, offset = FIRST, FIRST.astimezone(zone).utcoffset()
    while at < LAST:
        until = at + step
        # Morocco's change for Ramadan is undone within a month, so a week misses none.
        if until.astimezone(zone).utcoffset() != offset:
            low, high = at, until
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                middle = middle.replace(microsecond=0)
                if middle.astimezone(zone).utcoffset() == offset:
                    low = middle
                else:
                    high = middle
            found.append(high)
            at, offset = high, high.astimezone(zone).utcoffset()
        else:
            at = until
    return found


def clock(minutes):
    return f"{minutes // 60:02}:{minutes % 60:02}"


@cache
def moment(day, minutes, zone):
    """Seconds since 1970 at which clocks in the zone show so many minutes of the day."""
    civil = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minutes)
    return round(civil.replace(tzinfo=zone, fold=0).timestamp())


class Window:
    """Days on which it begins; minutes of the day at which it begins and ends; how many days later it ends."""

    def __init__(self, words, days, start, end, later):
        self.words, self.days, self.start, self.end, self.later = words, days, start, end, later

    @classmethod
    def on(cls, days, start, end):
        words = f"{','.join(DAYS[day] for day in days)} {clock(start)}-{clock(end)}"
        return cls(words, set(days), start, end, int(end <= start))

    @classmethod
    def across(cls, first, start, last, end):
        later = (last - first) % 7
        words = f"{DAYS[first]} {clock(start)} - {DAYS[last]} {clock(end)}"
        return cls(words, {first}, start, end, later or (7 if end <= start else 0))

    def spans(self, around, zone):
        today = around.astimezone(zone).date()
        for shift in range(-17, 18):
            day = today + timedelta(days=shift)
            if day.weekday() in self.days:
                span = (moment(day, self.start, zone), moment(day + timedelta(days=self.later), self.end, zone))
                if span[0] < span[1]:
                    yield span


def joined(spans):
    """Spans that meet or overlap are one."""
    result = []
    for begin, end in sorted(spans):
        if result and begin <= result[-1][1]:
            result[-1][1] = max(result[-1][1], end)
        else:
            result.append([begin, end])
    return result


def answer(spans, begins, second):
    place = bisect_right(begins, second) - 1
    if place >= 0 and second < spans[place][1]:
        end = spans[place][1]
        return f"o{end if end - second <= LONG else '-'}"
    return f"c{begins[place + 1]}" if place + 1 < len(begins) else "c-"


def windows_around(at, zone):
    """Windows whose beginnings and ends are in and around what clocks skip, or show twice, at this transition."""
    before, after = ((at + shift).astimezone(zone) for shift in (timedelta(seconds=-1), timedelta()))
    jump = after.utcoffset() - before.utcoffset()
    # The civil time at which clocks jump, as clocks show it without the jump; and the middle of what is skipped or repeated.
    shown = (at + before.utcoffset()).replace(tzinfo=None)
    middle = shown + jump / 2
    day, minute = shown.weekday(), shown.hour * 60 + shown.minute
    inside, inside_day = middle.hour * 60 + middle.minute, middle.weekday()
    whole = 24 * 60
    yield [Window.on([inside_day], inside, (inside + 90) % whole)]
    yield [Window.on([inside_day], (inside - 90) % whole, inside)] if inside >= 90 else [Window.on([(inside_day - 1) % 7], (inside - 90) % whole, inside)]
    # Too short for the jump: where its beginning is skipped and its end is not, it does not open.
    yield [Window.on([inside_day], inside, (inside + 35) % whole)]
    yield [Window.on([day], minute, (minute + 60) % whole)]
    yield [Window.on(range(7), 22 * 60, 4 * 60)]
    yield [Window.on(range(7), 0, whole)]
    yield [Window.across(5, 0, 0, 5 * 60), Window.on([inside_day], inside, (inside + 1) % whole)]
    yield [Window.across(inside_day, (inside + 1) % whole, inside_day, inside)] if inside + 1 < whole else []


def ask(program, questions):
    """The version of the program's database, the names of its zones in one line, and a line for each question."""
    asked = "".join(f"{question}\n" for question in questions)
    answered = subprocess.run([program], input=asked, stdout=subprocess.PIPE, text=True, check=True)
    version, names, *lines = answered.stdout.splitlines()
    return version, names, lines


def main(program):
    began = time.monotonic()
    version, names, _ = ask(program, [])
    names = names.split()
    ours = importlib.metadata.version("tzdata")
    year, letter = version[:4], ord(version[4]) - ord("a") + 1
    if ours != f"{year}.{letter}":
        sys.exit(f"the programs have the time zone database {version}, and Python has {ours}: requirements.txt has to follow")
    if missing := set(names) ^ (zoneinfo.available_timezones() - {"Factory", "localtime"}):
        sys.exit(f"these zones are in one of the two databases alone: {', '.join(sorted(missing))}")
    questions, expected, jumps = [], [], 0
    for name in names:
        zone = zoneinfo.ZoneInfo(name)
        found = transitions(zone)
        jumps += len(found)
        # A zone whose clocks never jump is asked all the same.
        for at in found or [datetime(2026 + len(questions) % 11, 7, 1, 12, tzinfo=timezone.utc)]:
            for windows in filter(None, windows_around(at, zone)):
                spans = joined(span for window in windows for span in window.spans(at, zone))
                begins = [begin for begin, _ in spans]
                middle = round(at.timestamp())
                edges = {edge for span in spans for edge in span if abs(edge - middle) < 24 * 3600}
                # What windows say changes at an edge and nowhere else: each edge is asked, and the second before it.
                seconds = sorted({edge + shift for edge in edges | {middle} for shift in (-1, 0)} | {middle - 86400, middle + 86400})
                questions.append(";".join(f"{window.words} {name}" for window in windows) + "".join(f"\t{second}" for second in seconds))
                expected.append([answer(spans, begins, second) for second in seconds])
    # One program for each processor.
    size = len(questions) // (os.cpu_count() or 1) + 1
    parts = [questions[start : start + size] for start in range(0, len(questions), size)]
    with ThreadPoolExecutor() as pool:
        answers = [line.split("\t") for _, _, lines in pool.map(lambda part: ask(program, part), parts) for line in lines]
    if len(answers) != len(expected):
        sys.exit(f"{len(expected)} questions, and {len(answers)} answers")
    different = [
        (question.split("\t")[0], second, theirs, mine)
        for question, theirs_all, mine_all in zip(questions, answers, expected, strict=True)
        for second, theirs, mine in zip(question.split("\t")[1:], theirs_all, mine_all, strict=True)
        if theirs != mine
    ]
    for windows, second, theirs, mine in different[:20]:
        at = datetime.fromtimestamp(int(second), timezone.utc).isoformat()
        print(f"`{windows}` at {at} ({second}): {theirs}, and zoneinfo says {mine}", file=sys.stderr)
    count = sum(map(len, expected))
    took = time.monotonic() - began
    print(f"{count:,} answers compared, {len(different):,} differ: {len(names)} zones, {jumps:,} transitions from 2026 to 2036, "
          f"database {version}, {took:.0f} s")
    if different or count < 100_000:
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
