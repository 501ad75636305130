"""What an execution leaves on this machine: the state, the secret store and the closing report, all durable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from vkstate.executor.ports import ClosingLine, Rescued
from vkstate.keys import Alias, KeyValue, RecordedKey, Token
from vkstate.state.file import StateFile
from vkstate.state.model import State
from vkstate.state.reports import ClosingReport
from vkstate.state.secret_store import SecretStore
from vkstate.urls import canonical_url


class FileJournal:
    """The executor's journal (``vkstate.executor.ports.Journal``) over files. For one run, under the state's lock.

    :param state: as ``state_file`` read it for this run.
    :param proxy: the proxy's url; the state is bound to it with the first change that is saved.
    :param clock: this machine's clock, for the report; gives aware instants.
    :param reports: False keeps no closing report.
    """

    def __init__(
        self,
        state_file: StateFile,
        state: State,
        store: SecretStore,
        *,
        proxy: str,
        clock: Callable[[], datetime],
        reports: bool = True,
    ) -> None:
        self._file = state_file
        self._store = store
        self._proxy = canonical_url(proxy)
        self._serial = state.serial + 1
        self.keeps_reports = reports
        self._report = ClosingReport(state_file.path, state.lineage, self._proxy, clock)
        self._text = self._file.text_of(state)
        self._saved = state
        self._failed = False

    @property
    def state(self) -> State:
        """The state as it is on disk."""
        return self._saved

    @property
    def report_path(self) -> Path | None:
        """Where this run's closing report is; None where nothing was reported."""
        return self._report.path

    def keep_values(self, values: Mapping[Alias, KeyValue]) -> None:
        """Add key values to the secret store."""
        self._store.keep(values)

    def value_of(self, token: Token) -> KeyValue | None:
        """The key value that the secret store holds for a token."""
        return self._store.value_of(token)

    def drop_values(self, tokens: Collection[Token]) -> None:
        """Remove from the secret store what was deleted and is verified gone."""
        self._store.drop(tokens)

    def save(self, keys: Mapping[Alias, RecordedKey]) -> None:
        """Write the state with exactly these keys, if that changes anything; see :meth:`StateFile.write` for errors."""
        keys = dict(keys)  # the executor goes on changing its own
        # Texts are compared, not values: what is not written (a microsecond, a default) is no change.
        if not self._failed and self._file.text_of(replace(self._saved, keys=keys)) == self._text:
            return
        state = replace(self._saved, serial=self._serial, proxy=self._proxy, keys=keys)
        self._failed = True
        self._file.write(state)
        self._failed = False
        self._saved = state
        self._text = self._file.text_of(state)

    def report(self, lines: Sequence[ClosingLine]) -> None:
        """Keep the closing report of keys that are about to be deleted."""
        if self.keeps_reports:
            self._report.add(lines)

    def rescue(self, keys: Mapping[Alias, RecordedKey]) -> Rescued:
        """Put a state that could not be saved somewhere else, and say where; see :meth:`StateFile.rescue`."""
        state = replace(self._saved, serial=self._serial, proxy=self._proxy, keys=dict(keys))
        place = self._file.rescue(state)
        return Rescued(str(place), self._file.repair(place))
