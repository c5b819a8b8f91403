"""Docker's logs: lines with their times, and places in them."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from shares_core.domain.views import LogLine

_ENDED, _RUNNING = "ended", "running"


def second_of(time: str) -> datetime | None:
    """The whole second of a line's time, from which Docker is asked for more; None from the beginning."""
    return datetime.fromisoformat(time[:19]) if time else None


def lines_after(lines: tuple[LogLine, ...], time: str) -> tuple[LogLine, ...] | None:
    """The lines after the last one of that time, in the log's order; None if there is no such line."""
    places = [place for place, line in enumerate(lines) if line.time == time]
    return lines[places[-1] + 1 :] if places else None


@frozen
class LogMark:
    """A place in a container's log: its last line's time, and whether the container had ended by then."""

    container: str = ""
    time: str = ""
    ended: bool = False

    @classmethod
    def read(cls, text: str) -> LogMark:
        container, time, state = (*text.split(" "), "", "", "")[:3]
        return cls(container, time, state == _ENDED)

    def __str__(self) -> str:
        return f"{self.container} {self.time} {_ENDED if self.ended else _RUNNING}"


def parse_log(log: bytes) -> tuple[LogLine, ...]:
    """Docker's log with timestamps: each line begins with its time."""
    parts = (line.partition(" ") for line in log.decode(errors="replace").split("\n") if line)
    return tuple(LogLine(time, text) for time, _, text in parts)
