"""Whatever requests come at once with whatever keys: each key writes once, and answers the same ever after."""

import shutil
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spm_ml.predictions import Key, KeyReusedError, PredictionStore, Principal, Reply, Scope
from spm_ml.predictions.idempotency import fingerprint
from tests.prediction_world import NORTH, VP, World

ACCOUNTS = {
    "north": Principal("a-1", "Anna Keller", Scope("manager", NORTH)),
    "vp": Principal("a-2", "Vera Lindqvist", Scope("manager", VP)),
}
Asked = tuple[str, str | None, str, bool]
"""Account, key, what is asked for, and whether it fails after it has written."""

REQUESTS = st.tuples(
    st.sampled_from(sorted(ACCOUNTS)), st.sampled_from([None, "k1", "k2"]), st.sampled_from(["a", "b"]), st.booleans()
)


class FailedError(Exception):
    """The work fails on its way."""


def ask(store: PredictionStore, program_id: str, asked: Asked) -> Reply | str:
    account, key, reason, fails = asked
    principal = ACCOUNTS[account]

    def work(bound: PredictionStore) -> Reply:
        decision = bound.decide(principal, rep_id="r-101", program_id=program_id, verdict="accepted", reason=reason)
        assert decision is not None
        if fails:
            raise FailedError
        return Reply(201, decision.decided_at.isoformat())

    try:
        return store.once(principal, None if key is None else Key(key, fingerprint(reason)), work)
    except (KeyReusedError, FailedError) as error:
        return type(error).__name__


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(threads=st.lists(st.lists(REQUESTS, max_size=4), min_size=2, max_size=4))
def test_each_key_writes_once_however_requests_interleave(
    harbour: World, harbour_file: Path, tmp_path: Path, threads: list[list[Asked]]
) -> None:
    program_id = next(row.program_id for row in harbour.recommendations if row.rep_id == "r-101")
    path = tmp_path / "a.db"
    shutil.copy(harbour_file, path)
    with PredictionStore.open(path) as store:
        with ThreadPoolExecutor(4) as pool:
            done = [
                (asked, reply)
                for asked, reply in zip(
                    [asked for one in threads for asked in one],
                    [
                        reply
                        for replies in pool.map(lambda one: [ask(store, program_id, asked) for asked in one], threads)
                        for reply in replies
                    ],
                    strict=True,
                )
            ]
        kept = Counter((decision.decided_by, decision.reason) for _, decision in store.decisions())
        lines = [line for line in store.audit.entries() if line.action == "recommendation accepted"]
    wrote = [(asked, reply) for asked, reply in done if isinstance(reply, Reply) and not reply.replayed]
    assert kept == Counter((ACCOUNTS[account].label, reason) for (account, _, reason, _), _ in wrote)
    assert len(lines) == len(wrote), "what failed leaves no line of the audit either"
    by_key: dict[tuple[str, str], list[tuple[Asked, Reply | str]]] = defaultdict(list)
    for asked, reply in done:
        if asked[1] is None:
            assert reply == "FailedError" if asked[3] else isinstance(reply, Reply)
        else:
            by_key[asked[0], asked[1]].append((asked, reply))
    for asked_with_it in by_key.values():
        first = [(asked, reply) for asked, reply in asked_with_it if isinstance(reply, Reply) and not reply.replayed]
        assert len(first) <= 1
        assert first or all(reply == "FailedError" for _, reply in asked_with_it)
        for asked, reply in asked_with_it:
            if isinstance(reply, Reply):
                assert (asked[2], reply.status, reply.body) == (first[0][0][2], first[0][1].status, first[0][1].body)
            elif reply == "KeyReusedError":
                assert asked[2] != first[0][0][2]
            else:
                assert asked[3], "only what fails fails"


def test_a_key_is_forgotten_in_time(harbour: World, harbour_file: Path, tmp_path: Path) -> None:
    program_id = next(row.program_id for row in harbour.recommendations if row.rep_id == "r-101")
    shutil.copy(harbour_file, tmp_path / "a.db")
    principal = ACCOUNTS["north"]

    def work(bound: PredictionStore) -> Reply:
        bound.decide(principal, rep_id="r-101", program_id=program_id, verdict="accepted")
        return Reply(201, "{}")

    with PredictionStore.open(tmp_path / "a.db") as store:
        for kept in (timedelta(hours=1), timedelta(hours=1), timedelta(microseconds=1)):
            store.once(principal, Key("k", fingerprint("a")), work, kept=kept)
        assert len(store.decisions()) == 2


@pytest.mark.parametrize("left", ["a", "a\x00b", '["a"]', "é"])
def test_no_two_requests_share_a_fingerprint(left: str) -> None:
    assert (
        len({fingerprint(left, "b"), fingerprint(left + "b"), fingerprint(left, "", "b"), fingerprint("b", left)}) == 4
    )
