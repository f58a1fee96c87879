"""Findings: what, what repairing it would give, how sure, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from makespan_analytics.findings.finding import Confidence, Effect, Measurement
from makespan_analytics.findings.ledger import Status
from makespan_analytics.regressions.standing import Standing
from makespan_cli.kept_findings import KeptFinding
from makespan_cli.rendering.consoles import fit, fit_job_step, printable
from makespan_model.units import format_bytes, format_duration

# "-1 h 07 min" and "12,345 USD" are the widest cells; 32 of 80 columns are left for the name.
_RANK, _KIND, _SAVED, _MONEY, _SURE = 3, 13, 12, 12, 8
_LEAST_NAME_COLUMNS = 16
_INDENT = 3
_LEAST_SAVED_S = 0.5
"""What no one waits for makes no one wait: a step off the critical path may have got slower."""
_STYLES = {Confidence.HIGH: "bold", Confidence.MEDIUM: "", Confidence.LOW: "dim"}


def is_worth_showing(kept: KeptFinding) -> bool:
    """Whether it holds, nobody muted it, and it is not known to be worth next to nothing."""
    effect = kept.finding.effect
    is_idle = effect.makespan_s is not None and abs(effect.makespan_s) < _LEAST_SAVED_S and not effect.usd_per_month
    return kept.is_news and not is_idle


def print_findings(console: Console, kept: Sequence[KeptFinding], *, most: int) -> None:
    """Print the findings that hold and are not muted, at most `most`, and say how many there are besides."""
    news = [one for one in kept if is_worth_showing(one)]
    _print_header(console)
    for rank, one in enumerate(news[:most], start=1):
        _print_row(console, str(rank), one)
        _print_advice(console, one)
    hidden = sum(one.is_news for one in kept) - min(most, len(news))
    muted = sum(one.standing is Standing.MUTED and one.entry.status is Status.OPEN for one in kept)
    parts = [f"{hidden} more" if hidden > 0 else "", f"{muted} muted" if muted else ""]
    if any(parts):
        console.print(f"Not shown: {', '.join(filter(None, parts))} (--findings has all).", soft_wrap=True)


def print_all_findings(console: Console, kept: Sequence[KeptFinding]) -> None:
    """Print every finding with its evidence, those that are muted or closed too."""
    _print_header(console)
    rank = 0
    for one in kept:
        rank += one.is_news
        _print_row(console, str(rank) if one.is_news else "-", one)
        _print_advice(console, one)
        for number in one.finding.evidence:
            _print_wrapped(console, f"{number.name}: {_amount(number)}{_runs(number)}", "dim")
        _print_wrapped(console, f"effect: {_interval(one.finding.effect)}{one.finding.effect.how}", "dim")


def _print_header(console: Console) -> None:
    name = fit("finding", _name_columns(console) + _KIND + _RANK, ascii_only=True)
    cells = f"{'saves a run':>{_SAVED}}{'a month':>{_MONEY}}{'sure':>{_SURE}}"
    console.print(Text(name + cells, "bold"), soft_wrap=True)


def _print_row(console: Console, rank: str, kept: KeptFinding) -> None:
    finding, ascii_only = kept.finding, console.options.ascii_only
    style = _STYLES[finding.confidence] if kept.is_news else "dim"
    saved_s, usd = finding.effect.makespan_s, finding.effect.usd_per_month
    line = Text(f"{rank:<{_RANK}}")
    line.append(f"{finding.kind.value:<{_KIND}}", "cyan" if kept.is_news else "dim")
    job, colon, what = finding.subject.name.partition(": ")
    columns = _name_columns(console)
    name = (
        fit_job_step(job, what, columns, ascii_only=ascii_only) if colon else fit(job, columns, ascii_only=ascii_only)
    )
    line.append(name, style)
    line.append(f"{'-' if saved_s is None else format_duration(saved_s):>{_SAVED}}", style)
    line.append(f"{'-' if usd is None else format_usd(usd):>{_MONEY}}", style)
    line.append(f"{finding.confidence.value:>{_SURE}}", style)
    console.print(line, soft_wrap=True)


def _print_advice(console: Console, kept: KeptFinding) -> None:
    notes = [
        "opened again" if kept.entry.is_reopened else "",
        kept.standing.value if kept.standing is not Standing.OPEN else "",
        "closed" if kept.entry.status is Status.CLOSED else "",
    ]
    told = f" ({', '.join(filter(None, notes))})" if any(notes) else ""
    _print_wrapped(console, f"{kept.finding.finding_id}{told}  {kept.finding.advice}", "")


def _print_wrapped(console: Console, text: str, style: str) -> None:
    """At the console's width, every line below the name."""
    for line in Text(printable(text), style).wrap(console, max(20, console.width - _INDENT)):
        line.rstrip()
        console.print(Text(" " * _INDENT) + line, soft_wrap=True)


def _name_columns(console: Console) -> int:
    return max(_LEAST_NAME_COLUMNS, console.width - _RANK - _KIND - _SAVED - _MONEY - _SURE)


def format_usd(usd: float) -> str:
    """An amount to decide by: cents under 100 USD, whole dollars above."""
    return f"{usd:,.2f} USD" if abs(usd) < 99.995 else f"{usd:,.0f} USD"


def _amount(number: Measurement) -> str:
    match number.unit:
        case "s":
            return format_duration(number.value)
        case "bytes":
            return format_bytes(number.value)
        case "usd":
            return f"{number.value:.3f} USD"
        case "ratio":
            # Probabilities near 1 are not rounded up to certainty.
            percent = 100 * number.value
            return ">99.9 %" if 99.9 < percent < 100 else f"{percent:.2g} %" if percent < 9.5 else f"{percent:.3g} %"
        case unit:
            return f"{number.value:.4g} {unit.removesuffix('s') if number.value == 1 else unit}"


def _runs(number: Measurement) -> str:
    if not number.run_ids:
        return ""
    return f" (run{'s' * (len(number.run_ids) != 1)} {', '.join(number.run_ids)})"


def _interval(effect: Effect) -> str:
    if effect.low_s is None or effect.high_s is None:
        return ""
    return f"{format_duration(effect.low_s)} to {format_duration(effect.high_s)} a run (90 %); "
