from __future__ import annotations

import io
import re
import subprocess
import sys
import threading

import pytest

from vkstate.executor.outcome import Applied, Failed, NotAttempted, Observer
from vkstate.litellm.parallel import Watch
from vkstate.views.progress import Bar, Lines

from .samples import update

DONE = Applied(update("key"))


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def drawn(text: str) -> list[str]:
    """What a terminal was told to draw, line by line, without the sequences that move the cursor."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n")
    return [line.rstrip() for line in plain.splitlines() if line.strip()]


def test_lines_come_every_few_seconds_and_at_the_end() -> None:
    clock, stream = Clock(), io.StringIO()
    observer: Observer = Lines(stream, clock=clock, every=5)
    observer.started(27)
    for number in range(27):
        clock.seconds += 1
        change = update(f"key{number}")
        observer.finished(Failed(change, "no") if number == 11 else Applied(change))
    observer.phase("reading back\x1b[2J")
    clock.seconds += 3
    observer.ended()
    assert stream.getvalue().splitlines() == [
        "27 changes to make",
        "5 of 27, 1.0 a second, 22 s left",
        "10 of 27, 1.0 a second, 17 s left",
        "15 of 27, 1 failed, 1.0 a second, 12 s left",
        "20 of 27, 1 failed, 1.0 a second, 7 s left",
        "25 of 27, 1 failed, 1.0 a second, 2 s left",
        "reading back\\u001b[2J",
        "27 of 27, 1 failed, 0.9 a second",
    ]


def test_a_fast_run_is_two_lines() -> None:
    clock, stream = Clock(), io.StringIO()
    observer = Lines(stream, clock=clock)
    observer.started(1)
    clock.seconds += 0.5
    observer.finished(DONE)
    observer.ended()
    assert stream.getvalue().splitlines() == ["1 change to make", "1 of 1, 2.0 a second"]


def test_an_answer_counts_once_and_its_result_not_again() -> None:
    clock, stream = Clock(), io.StringIO()
    observer: Observer = Lines(stream, clock=clock, every=0)
    observer.started(2)
    clock.seconds += 1
    observer.answered([update("key")])
    clock.seconds += 1
    observer.finished(Applied(update("key")))
    assert stream.getvalue().splitlines()[1:] == ["1 of 2, 1.0 a second, 1 s left", "1 of 2, 0.5 a second, 2 s left"]


def test_a_phase_counts_anew_and_the_end_counts_all() -> None:
    clock, stream = Clock(), io.StringIO()
    observer: Observer = Lines(stream, clock=clock, every=2)
    changes = [update(f"key{number}") for number in range(4)]
    observer.started(4)
    observer.phase("sending")
    clock.seconds += 2
    observer.answered(changes)
    observer.phase("reading back")
    clock.seconds += 2
    observer.finished(Applied(changes[0]))
    observer.finished(Applied(changes[1]))
    clock.seconds += 2
    observer.finished(Applied(changes[2]))
    observer.finished(Applied(changes[3]))
    clock.seconds += 2
    observer.ended()
    assert stream.getvalue().splitlines() == [
        "4 changes to make",
        "sending",
        "4 of 4, 2.0 a second",
        "reading back",
        "1 of 4, 0.5 a second, 6 s left",
        "3 of 4, 0.8 a second, 1 s left",
        "4 of 4, 0.5 a second",
    ]


def test_what_was_not_attempted_is_not_done() -> None:
    """After Ctrl-C, or once the proxy is gone."""
    clock, stream = Clock(), io.StringIO()
    observer: Observer = Lines(stream, clock=clock, every=1)
    observer.started(10)
    observer.phase("sending")
    clock.seconds += 1
    observer.finished(Applied(update("key0")))
    observer.finished(Failed(update("key1"), "The connection was lost."))
    for number in range(2, 10):
        observer.finished(NotAttempted(update(f"key{number}"), "The run was interrupted before it."))
    observer.ended()
    assert stream.getvalue().splitlines() == [
        "10 changes to make",
        "sending",
        "1 of 10, 1.0 a second, 9 s left",
        "2 of 10, 1 failed, 8 not attempted, 2.0 a second",
    ]


def test_reading_is_told_once_it_takes_long() -> None:
    clock, stream = Clock(), io.StringIO()
    lines = Lines(stream, clock=clock)
    watch: Watch = lines
    watch.expect(200)
    for _ in range(11):
        clock.seconds += 0.5
        watch.request_answered()
    watch.expect(4)
    clock.seconds += 5
    watch.request_answered()
    lines.ended()
    assert stream.getvalue().splitlines() == [
        "reading: 10 of 200 requests, 2.0 a second, 1 min 35 s left",
        "reading: 12 of 204 requests, 1.1 a second, 2 min 48 s left",
        "reading: 12 of 204 requests, 1.1 a second",
    ]


@pytest.mark.parametrize("kind", [Lines, Bar])
def test_of_reading_that_is_soon_over_nothing_is_said(kind: type[Lines | Bar]) -> None:
    clock, stream = Clock(), io.StringIO()
    shown = kind(stream, clock=clock)
    shown.expect(2)
    clock.seconds += 0.9
    shown.request_answered()
    shown.request_answered()
    shown.ended()
    assert stream.getvalue() == ""


def test_of_a_single_request_that_takes_long_there_is_nothing_to_count() -> None:
    clock, stream = Clock(), io.StringIO()
    lines = Lines(stream, clock=clock)
    clock.seconds += lines.patience
    lines.still_reading()
    lines.ended()
    assert stream.getvalue() == "reading\n"

    stream = io.StringIO()
    bar = Bar(stream, clock=clock, width=80, colour=False)
    clock.seconds += bar.patience
    bar.still_reading()
    bar.ended()
    assert re.fullmatch(r"reading [━ ]+ 0/\?", drawn(stream.getvalue())[-1])


def test_a_bar_of_reading() -> None:
    clock, stream = Clock(), io.StringIO()
    bar = Bar(stream, clock=clock, width=80, colour=False)
    bar.expect(10)
    for _ in range(4):
        clock.seconds += 0.5
        bar.request_answered()
    bar.ended()
    assert drawn(stream.getvalue())[-1] == ("reading " + "━" * 16 + " " * 26 + "4/10 2.0 a second, 3 s left")


def test_requests_are_told_beside_the_changes_that_they_are_about() -> None:
    clock, stream = Clock(), io.StringIO()
    lines = Lines(stream, clock=clock, every=1)
    lines.started(300)
    lines.phase("reading back")
    lines.expect(3)
    clock.seconds += 1
    lines.request_answered()
    lines.request_answered()
    clock.seconds += 1
    lines.request_answered()
    assert stream.getvalue().splitlines()[2:] == ["0 of 300, 1 of 3 requests", "0 of 300"]


def test_many_threads_may_tell_at_once() -> None:
    stream = io.StringIO()
    lines = Lines(stream, every=0)
    lines.expect(800)

    def answer() -> None:
        for _ in range(100):
            lines.request_answered()

    threads = [threading.Thread(target=answer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.ended()
    assert stream.getvalue().splitlines()[-1].startswith("reading: 800 of 800 requests")


def test_long_waits_are_told_in_minutes() -> None:
    clock, stream = Clock(), io.StringIO()
    observer = Lines(stream, clock=clock)
    observer.started(101)
    clock.seconds += 6
    observer.finished(DONE)
    assert stream.getvalue().splitlines()[-1] == "1 of 101, 0.2 a second, 10 min 0 s left"


def test_nothing_is_repeated_and_nothing_said_of_nothing() -> None:
    clock, stream = Clock(), io.StringIO()
    observer = Lines(stream, clock=clock)
    observer.phase("reading")
    observer.phase("reading")
    observer.ended()
    assert stream.getvalue() == "reading\n"


def test_the_first_result_in_no_time_at_all_has_no_rate() -> None:
    clock, stream = Clock(), io.StringIO()
    observer = Lines(stream, clock=clock, every=0)
    observer.started(2)
    observer.finished(DONE)
    assert stream.getvalue().splitlines()[-1] == "1 of 2"


def test_a_bar_tells_how_many_how_fast_and_how_long() -> None:
    clock, stream = Clock(), io.StringIO()
    observer: Observer = Bar(stream, clock=clock, width=80, colour=False)
    observer.phase("[bold]creating")
    observer.started(4)
    for result in (DONE, Failed(update("other"), "no")):
        clock.seconds += 2
        observer.finished(result)
    observer.ended()
    assert drawn(stream.getvalue())[-1] == (
        "[bold]creating " + "━" * 14 + " " * 15 + "2/4 1 failed, 0.5 a second, 4 s left"
    )


def test_a_bar_leaves_the_terminal_as_it_was() -> None:
    stream = io.StringIO()
    observer = Bar(stream, clock=Clock(), width=80)
    observer.started(1)
    observer.ended()
    text = stream.getvalue()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert text.endswith("\x1b[2K")


def test_a_bar_leaves_stdout_alone() -> None:
    observer, before = Bar(io.StringIO(), clock=Clock(), width=80), sys.stdout
    observer.started(1)
    during = sys.stdout
    observer.ended()
    assert during is before


def test_a_bar_that_never_started_draws_nothing() -> None:
    stream = io.StringIO()
    Bar(stream, clock=Clock(), width=80).ended()
    assert stream.getvalue() == ""


def test_only_a_bar_imports_rich() -> None:
    modules = ("handouts", "human", "json", "outcome", "progress", "show")
    program = (
        f"import {', '.join(f'vkstate.views.{module}' for module in modules)}\n"
        "import sys\n"
        "print([name for name in ('rich', 'requests', 'pydantic', 'ruamel', 'typer') if name in sys.modules])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_that_the_proxy_is_busy_is_said_at_once_and_once() -> None:
    clock, stream = Clock(), io.StringIO()
    lines = Lines(stream, clock=clock)
    watch: Watch = lines
    lines.started(3)
    for _ in range(3):
        watch.slowed_down()
        clock.seconds += 1
        lines.finished(DONE)
    lines.ended()
    assert stream.getvalue().splitlines() == [
        "3 changes to make",
        "0 of 3, slower: the proxy is busy",
        "1 of 3, 0.3 a second",
    ]

    stream = io.StringIO()
    bar = Bar(stream, clock=clock, width=80, colour=False)
    bar.started(3)
    bar.slowed_down()
    bar.ended()
    assert drawn(stream.getvalue())[-1].endswith("0/3 slower: the proxy is busy")


def test_a_plan_that_waits_for_its_first_answer_says_so() -> None:
    clock, stream = Clock(), io.StringIO()
    lines = Lines(stream, clock=clock)
    lines.slowed_down()
    lines.ended()
    assert stream.getvalue() == "reading, slower: the proxy is busy\n"


def test_while_the_proxy_is_busy_no_rate_is_told_and_lines_go_on_to_come() -> None:
    """Afterwards it is that of the time since."""
    clock, stream = Clock(), io.StringIO()
    lines = Lines(stream, clock=clock)

    def finish(*numbers: int) -> None:
        for number in numbers:
            lines.finished(Applied(update(f"key{number}")))

    lines.started(25)
    clock.seconds += 5
    finish(0, 1, 2)
    lines.slowed_down()
    for _ in range(10):
        clock.seconds += 7.5
        lines.slowed_down()
        lines.still_waiting()
    clock.seconds += 5
    finish(3)
    clock.seconds += 5
    finish(4)
    clock.seconds += 5
    finish(5, 6, 7, 8, 9)
    clock.seconds += 5
    lines.still_waiting()
    finish(10)
    lines.ended()
    assert stream.getvalue().splitlines() == [
        "25 changes to make",
        "1 of 25, 0.2 a second, 2 min 0 s left",
        "3 of 25, slower: the proxy is busy",
        "3 of 25, slower: the proxy is busy, no progress for 15 s",
        "3 of 25, slower: the proxy is busy, no progress for 30 s",
        "3 of 25, slower: the proxy is busy, no progress for 45 s",
        "3 of 25, slower: the proxy is busy, no progress for 1 min 0 s",
        "3 of 25, slower: the proxy is busy, no progress for 1 min 15 s",
        "4 of 25, slower: the proxy is busy",
        "5 of 25",
        "6 of 25, 0.2 a second, 1 min 35 s left",
        "11 of 25, 0.6 a second, 23 s left",
        "11 of 25, 0.1 a second",
    ]


def test_lines_come_by_themselves_while_the_proxy_is_busy_and_end_with_the_run() -> None:
    clock, stream = Clock(), Listened()
    lines = Lines(stream, clock=clock, quiet=0.001)
    lines.started(2)
    lines.slowed_down()
    clock.seconds += 60
    assert stream.heard.wait(30)
    lines.ended()
    lines.slowed_down()
    assert "progress" not in [thread.name for thread in threading.enumerate()]
    assert stream.getvalue().splitlines() == [
        "2 changes to make",
        "0 of 2, slower: the proxy is busy",
        "0 of 2, slower: the proxy is busy, no progress for 1 min 0 s",
        "0 of 2",
    ]


class Listened(io.StringIO):
    """A stream that notes when it is told of progress that does not come."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.Event()

    def write(self, text: str) -> int:
        if "no progress for" in text:
            self.heard.set()
        return super().write(text)
