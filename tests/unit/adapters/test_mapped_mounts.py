"""Idmapped mounts: how the kernel is called, and which errors are raised if it cannot."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from shares_core.adapters.doctor import examine
from shares_core.adapters.filesystems import mounting
from shares_core.adapters.linux import idmap
from shares_core.adapters.linux.idmap import IdMapping, namespace
from shares_core.adapters.linux.mountcalls import NUMBERS, MountCalls
from shares_core.domain.errors import BackendFailure, HostNotReady
from shares_core.domain.findings import Verdict
from shares_core.domain.share import FileSystem, FileSystemKind

EXT4 = FileSystem(FileSystemKind.EXT4, "0e6fa4b8-9a0e-4b51-8f4c-3a2b1c0d9e8f")
MAPPING = IdMapping(on_disk=3_000_000, seen=2_000_007)
#: No kernel has a call of that number.
NO_CALL = 99_999


def test_a_mapping_is_a_table_of_the_owner_and_of_root() -> None:
    """In the kernel's form: the id on disk, the id seen, how many."""
    assert "0 0 1\n3000000 2000007 1\n" == MAPPING.table
    for on_disk, seen in ((0, 2_000_000), (3_000_000, 0)):
        with pytest.raises(ValueError, match="root"):
            IdMapping(on_disk, seen)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_missing_kernel_call_is_named(name: str) -> None:
    """It is tried, and the kernel says that it lacks it; the others exist."""
    calls = MountCalls({**NUMBERS, name: NO_CALL})
    assert ((name,), ()) == (calls.missing(), MountCalls().missing())
    with pytest.raises(HostNotReady, match=f"no idmapped mounts: it lacks {name}"):
        mounting.require_mounting(calls)


@pytest.mark.parametrize(
    ("content", "said"), [("0\n", "max_user_namespaces is 0"), (None, "no user namespaces"), ("96364\n", "")]
)
def test_a_kernel_without_user_namespaces_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, said: str
) -> None:
    """Before anything is made; doctor names it too."""
    limit = tmp_path / "limit"
    if content is not None:
        limit.write_text(content)
    monkeypatch.setattr(idmap, "_LIMIT", limit)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = examine.idmapped_mounts()
    if not said:
        mounting.require_mounting(MountCalls())
        assert Verdict.OK is found.verdict
        return
    with pytest.raises(HostNotReady, match=said) as raised:
        mounting.require_mounting(MountCalls())
    assert (Verdict.MISSING, raised.value.message, raised.value.hint) == (
        found.verdict,
        found.detail,
        found.mend,
    )
    assert found.mend


def test_doctor_has_root_make_a_user_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other obstacles show only then."""
    monkeypatch.setattr(idmap, "_HELPER", ("sh", "-c", "echo Operation not permitted >&2; exit 1"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = examine.idmapped_mounts()
    assert Verdict.MISSING is found.verdict
    assert "no user namespace can be made: Operation not permitted" == found.detail


@pytest.mark.parametrize(
    ("helper", "error", "said"),
    [
        (("sh", "-c", "echo unshare failed: No space left >&2; exit 1"), HostNotReady, "No space left"),
        (("no-such-unshare",), HostNotReady, "not installed"),
        (("/",), BackendFailure, "cannot be started"),
        (("sleep", "60"), BackendFailure, "did not make"),
    ],
)
def test_a_namespace_that_cannot_be_made_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, helper: tuple[str, ...], error: type[Exception], said: str
) -> None:
    """Neither a process nor a descriptor; the error has the helper's output."""
    monkeypatch.setattr(idmap, "_HELPER", helper)
    monkeypatch.setattr(idmap, "_SECONDS", 0.05 if helper[0] == "sleep" else 30.0)
    before = descriptors()
    with pytest.raises(error, match=said), namespace(MAPPING) as give:
        give()
    assert before == descriptors()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_an_unused_namespace_leaves_nothing() -> None:
    """Its caller may have failed before needing it."""
    before = descriptors()
    with pytest.raises(LookupError), namespace(MAPPING):
        raise LookupError
    assert before == descriptors()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize(
    ("number", "error", "said"),
    [
        (errno.EUCLEAN, BackendFailure, mounting.CORRUPTED),
        (errno.EPERM, HostNotReady, "as root"),
        (errno.ENOMEM, BackendFailure, "memory"),
    ],
)
def test_the_kernels_errors_for_a_mount_are_translated(
    tmp_path: Path, number: int, error: type[Exception], said: str
) -> None:
    """Each as one of our errors."""

    class Refusing(MountCalls):
        def make(self, *_: object) -> int:
            raise OSError(number, os.strerror(number))

    with pytest.raises(error) as raised:
        mounting.mount(Refusing(), str(tmp_path / "device"), EXT4, tmp_path)
    assert said in f"{raised.value} {raised.value.hint}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("failing", ["before", "own", "namespace", "map_ids", "move"])
def test_a_mount_that_fails_in_any_step_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """It is not attached yet: it is gone with its last descriptor."""
    done: list[str] = []

    def step(name: str) -> Callable[..., Any]:
        def do(*_: object, **__: object) -> int:
            done.append(name)
            if name == failing:
                raise BackendFailure(name)
            return 0

        return do

    class Failing(MountCalls):
        def make(self, *_: object) -> int:
            return os.open(tmp_path, os.O_PATH | os.O_CLOEXEC)

        map_ids = step("map_ids")
        move = step("move")

    monkeypatch.setattr(mounting, "namespace", lambda _: nullcontext(step("namespace")))
    monkeypatch.setattr(mounting, "_own", step("own"))
    before = descriptors()
    with pytest.raises(BackendFailure, match=failing):
        mounting.mount(Failing(), "device", EXT4, tmp_path, mapping=MAPPING, before=step("before"))
    assert before == descriptors()
    assert failing == done[-1]


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))
