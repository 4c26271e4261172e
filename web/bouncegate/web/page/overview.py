"""The start page, data quality: the numbers of all lists, and the last 30 days, at a glance."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from bouncegate.admin.lists.requests import open_requests
from bouncegate.config.settings import AlarmSettings
from bouncegate.store.lastmailed import DAY
from bouncegate.store.summary import DayCounts, PeriodRate, Summary
from bouncegate.web.call import Call
from bouncegate.web.page.charts import Chart, Day, stacked
from bouncegate.web.page.language import NO_VALUE, Language
from bouncegate.web.page.showing import show, words_for
from bouncegate.web.redirects import see
from bouncegate.web.rights import Right, may
from bouncegate.web.routes import Route

KINDS: Final = (("hard", "Hard"), ("soft", "Soft"), ("blocked", "Blocked (our fault)"))
_REASONS: Final = 8
_MAILINGS: Final = 6


@dataclass(frozen=True)
class Tile:
    """One number, and the list behind it."""

    number: int
    title: str
    path: str
    mark: str = ""


@dataclass(frozen=True)
class Share:
    """A rate beside its limit."""

    title: str
    value: str
    limit: str
    is_high: bool


def overview(call: Call) -> Response:
    """The start page."""
    if call.person.groups:  # these numbers are of all mail
        return see("/groups")
    words, site = words_for(call), call.site
    summary = site.store.summary.get()
    is_operator = may(call.person, Right.DECIDE)
    month = summary.month if summary else None
    return show(
        call,
        "overview.html",
        "overview",
        summary=summary,
        tiles=tiles(summary) if summary else (),
        chart=_chart(month.days, words) if month else None,
        legend=[(kind, words.text(title)) for kind, title in KINDS],
        reasons=[
            (name, words.reason(name).title, number)
            for name, number in (month.reasons[:_REASONS] if month else ())
        ],
        mailings=month.mailings[:_MAILINGS] if month else (),
        shares=_shares(summary, site.settings.alarm, words) if summary else (),
        incidents=sum(1 for one in site.store.incidents.all() if one.settled is None),
        requests=len(open_requests(site.store, call.now)) if is_operator else 0,
    )


def tiles(summary: Summary) -> tuple[Tile, ...]:
    """The numbers of the lists."""
    locked = summary.locked
    return (
        Tile(locked.total, "Locked addresses", "/recipients?tab=locked", "locked"),
        Tile(locked.hard, "Hard", "/recipients?tab=hard", "hard"),
        Tile(locked.soft, "Soft", "/recipients?tab=soft", "soft"),
        Tile(summary.detected, "Detected", "/recipients?tab=detected"),
        Tile(summary.predicted, "Predicted", "/recipients?tab=predicted"),
        Tile(summary.invalid, "Invalid", "/recipients?tab=invalid"),
        Tile(summary.stale, "Not mailed for long", "/recipients?tab=stale"),
        Tile(summary.ending.total, "Free within 7 days", "/recipients?tab=locked&ends=7"),
    )


def _chart(days: list[DayCounts], words: Language) -> Chart:
    return stacked([_day(one, words) for one in days])


def _day(counts: DayCounts, words: Language) -> Day:
    seconds = counts.day * DAY
    values = [(kind, int(getattr(counts, kind))) for kind, _ in KINDS]
    told = ", ".join(
        f"{words.number(number)} {words.text(title)}"
        for (_, number), (_, title) in zip(values, KINDS, strict=True)
    )
    return Day(values, f"{words.day(seconds)}: {told}", words.short_day(seconds))


def _shares(summary: Summary, alarm: AlarmSettings, words: Language) -> list[Share]:
    found: list[Share] = []
    for rate in summary.rates:
        found += _of_period(rate, alarm, words)
    return found


def _of_period(rate: PeriodRate, alarm: AlarmSettings, words: Language) -> list[Share]:
    values = (
        ("Bounce rate, {n} days", rate.bounce_rate, alarm.bounce_rate),
        ("Hard share, {n} days", rate.hard_share, alarm.hard_share),
    )
    is_judged = (rate.sends or 0) >= alarm.rates_from
    return [
        Share(
            words.text(title, n=rate.days),
            NO_VALUE if value is None else words.percent(value),
            words.percent(limit),
            is_judged and value is not None and value > limit,
        )
        for title, value, limit in values
    ]


ROUTES: Final = (Route("/", overview, right=Right.READ),)
