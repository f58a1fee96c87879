"""All pipelines in one table, the one first that has most to gain."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from makespan_analytics.fleet.chunk_analysis import FleetRow
from makespan_analytics.fleet.fleet_report import FleetReport
from makespan_cli.rendering.consoles import fit
from makespan_model.units import format_duration

_ROWS_SHOWN = 20
_NAMED = 5
"""Pipelines that could not be analysed are named up to here; --json has all."""
# "59 min 59 s" is the widest time.
_WIDTHS = {"runs": 6, "makespan": 13, "$/month": 9, "findings": 10, "saves": 13}
_LEAST_NAME_COLUMNS = 20


def print_fleet(console: Console, report: FleetReport) -> None:
    """Print the rows, what to do first in each, and what could not be analysed."""
    rows = report.rows
    ascii_only = console.options.ascii_only
    title = f"{len(rows)} pipeline{'s' * (len(rows) != 1)}: {report.analysed} analysed, {report.unchanged} unchanged"
    console.print(title, style="bold", soft_wrap=True)
    if rows:
        columns = max(_LEAST_NAME_COLUMNS, console.width - sum(_WIDTHS.values()))
        head = fit("pipeline", columns, ascii_only=ascii_only)
        console.print(
            Text(head + "".join(f"{name:>{width}}" for name, width in _WIDTHS.items()), "bold"), soft_wrap=True
        )
    for row in rows[:_ROWS_SHOWN]:
        _print_row(console, row)
    if len(rows) > _ROWS_SHOWN:
        console.print(f"Not shown: {len(rows) - _ROWS_SHOWN} more (--json has all).", soft_wrap=True)
    console.print(
        "\nCores are means of whole steps here, and single tests are not looked at:"
        " `makespan analyze PIPELINE` reads samples and tests as well.",
        style="dim",
        soft_wrap=True,
    )
    failed = [f"{name!r} of {repository}: {error}" for (repository, name), error in report.failed]
    failed += [f"{chunk}: {why}" for chunk, why in report.lost]
    for line in failed[:_NAMED]:
        console.print(Text(f"not analysed: {_printable(line)}", "red"), soft_wrap=True)
    if len(failed) > _NAMED:
        console.print(Text(f"and {len(failed) - _NAMED} more (--json has all)", "red"), soft_wrap=True)


def _print_row(console: Console, row: FleetRow) -> None:
    ascii_only = console.options.ascii_only
    columns = max(_LEAST_NAME_COLUMNS, console.width - sum(_WIDTHS.values()))
    cells = {
        "runs": str(row.runs),
        "makespan": format_duration(row.makespan_s),
        "$/month": "?" if row.usd_per_month is None else f"{row.usd_per_month:,.0f}",
        "findings": str(row.findings),
        "saves": "" if not row.saved_s else format_duration(row.saved_s),
    }
    name = fit(f"{row.pipeline}  {row.repository}", columns, ascii_only=ascii_only)
    line = Text(name)
    line.append("".join(f"{cells[title]:>{width}}" for title, width in _WIDTHS.items()))
    console.print(line, soft_wrap=True)
    if row.advice is not None:
        console.print(
            Text("  " + fit(row.advice, console.width - 2, ascii_only=ascii_only).rstrip(), "dim"), soft_wrap=True
        )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
