"""Take what servers log of audited files into the trails, before their logs are overwritten."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from shares_core.app.lifecycle.audit import collect_all
from shares_core.domain.errors import SharesError
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind

#: Collect this often: what is done is in the trail so much later at most, while Docker answers.
COLLECT_SECONDS = 2.0


class Collector:
    """Collects in a thread of its own, so that repairs do not wait for it. Use it from one thread."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._next = 0.0
        self._working: Future[dict[str, SharesError]] | None = None
        #: What was reported, by the ids of servers; once, until it changes.
        self._told: dict[str, str] = {}
        self._worker = ThreadPoolExecutor(1, "audit")

    def start(self) -> None:
        """Start the thread now: later the host might not have any."""
        self._worker.submit(lambda: None).result()

    def stop(self) -> None:
        """Wait for what is under way; begin nothing more."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def round(self) -> None:
        """Begin to collect if it is time; report errors of what has ended. Waits for nothing."""
        if self._working is not None:
            if not self._working.done():
                return
            self._take_note(self._working)
            self._working = None
        now = self._ports.clock.elapsed()
        if now >= self._next:
            self._next = now + COLLECT_SECONDS
            self._working = self._worker.submit(collect_all, self._ports)

    def _take_note(self, work: Future[dict[str, SharesError]]) -> None:
        error = work.exception()
        errors = work.result() if error is None else {"": error}
        found = {server_id: str(each) or repr(each) for server_id, each in errors.items()}
        for server_id, text in found.items():
            if self._told.get(server_id) != text:
                thing = f"the audit trails of server {server_id}" if server_id else ""
                self._ports.events.emit(Event(EventKind.CANNOT_COLLECT, thing=thing, detail=text))
        self._told = found
