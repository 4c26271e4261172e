"""The output of the demo: headings, checks, an SMTP dialogue, tables."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.smtp import Exchange


class DemoError(Exception):
    """A check failed; the text names the expected and the actual value."""


class Narrator:
    """Writes to the terminal; plain text if there is none."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._steps = 0

    def step(self, title: str) -> None:
        """Print the heading of a step."""
        self._steps += 1
        self._console.print(f"\n[bold cyan]{self._steps}. {escape(title)}[/]")

    def say(self, text: str) -> None:
        """Print one paragraph."""
        self._console.print(f"   {escape(text)}", soft_wrap=True)

    def check(self, what: str, expected: object, got: object) -> None:
        """Print a passed check. Raises DemoError if the values differ."""
        if expected != got:
            raise DemoError(f"{what}: expected {expected!r}, got {got!r}")
        self._console.print(f"   [green]✓[/] {escape(what)}", soft_wrap=True)

    def dialogue(self, port: int, exchanges: Iterable[Exchange]) -> None:
        """Print an SMTP dialogue, refusals in red."""
        self._console.print(f"   [dim]SMTP dialogue with 127.0.0.1:{port}[/]")
        for exchange in exchanges:
            colour = "green" if exchange.code < 400 else "bold red"
            command = exchange.command or "(the message)"
            self._console.print(f"   [dim]C:[/] {escape(command)}", soft_wrap=True)
            for line in exchange.text.splitlines():
                reply = escape(f"{exchange.code} {line}")
                self._console.print(f"   [dim]S:[/] [{colour}]{reply}[/]", soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a small table."""
        table = Table(header_style="bold", box=None, padding=(0, 2, 0, 3))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self._console.print(table)

    def verbatim(self, text: str) -> None:
        """Print a program's output unchanged."""
        for line in text.splitlines():
            self._console.out(f"   {line}", highlight=False)
