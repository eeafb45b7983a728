"""Stored activations: each owner's own, never changed, on real SQLite and real PostgreSQL."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from activations.activation import Parameter
from activations.custom import Definition
from db import activations, jobs
from db.session import Sessions
from jobs.access import EVERYBODY, Holder, Scope
from jobs.errors import ActivationExists, ActivationInUse, InvalidCursor, JobsError, TooManyActivations
from jobs.spec import InvalidSpec, JobSpec, parse_formula
from tests.support.statements import name_targets, record_statements
from tests.support.submitting import create_job, find_job

ANNA, BOB = Holder("a", "anna", Scope.SUBMIT), Holder("b", "bob", Scope.SUBMIT)
ROOT = Holder("r", "root", Scope.ADMIN)
B = Parameter("b", 1.0, "How steep it is: größer, steiler.", minimum=0.0, maximum=1e300)


def define(name: str = "swishy", formula: str = "x*sigmoid(b*x)", title: str = "Swishy") -> Definition:
    parameters = (B,) if "b" in formula else ()
    return Definition(name, title, parse_formula(formula, tuple(each.name for each in parameters)), parameters)


def store(sessions: Sessions, definition: Definition, owner: str = "", most: int = 10) -> tuple[Definition, bool]:
    with sessions.begin() as session:
        return activations.create(session, definition, owner=owner, most=most)


def list_names(sessions: Sessions, sees: str | None) -> Sequence[tuple[str, str]]:
    with sessions.read() as session:
        page = activations.read_page(session, sees=sees, limit=10, cursor=None)
    return [(stored.definition.name, stored.owner) for stored in page.activations]


def find_formula(sessions: Sessions, holder: Holder, name: str = "swishy") -> str | None:
    with sessions.read() as session:
        found = activations.find_definitions(session, [name], holder).get(name)
    return found and found.formula.text


def remove(sessions: Sessions, holder: Holder, name: str = "swishy") -> bool:
    with sessions.begin() as session:
        return activations.remove(session, name, holder)


def test_a_stored_definition_reads_back_as_itself(sessions: Sessions) -> None:
    store(sessions, define())
    with sessions.read() as session:
        assert activations.find_definitions(session, ["swishy", "relu", "none"], EVERYBODY) == {"swishy": define()}


def test_the_same_formula_again_is_the_same_activation_and_another_is_refused(sessions: Sessions) -> None:
    assert store(sessions, define()) == (define(), False)
    assert store(sessions, define(title="Another title")) == (define(), True)
    for other in (define(formula="x^2"), Definition("swishy", "", define().formula, (Parameter("b", 2.0, ""),))):
        with pytest.raises(ActivationExists, match="is another activation"):
            store(sessions, other)
    assert list_names(sessions, None) == [("swishy", "")]


def test_of_many_requests_at_once_one_stores_the_activation(sessions: Sessions) -> None:
    def try_to_store(number: int) -> bool | str:
        try:
            return store(sessions, define(formula=f"x^{2 + number % 2}"), most=1)[1]
        except JobsError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(try_to_store, range(16))]
    assert answers.count(False) == 1
    assert answers.count(True) == 7
    assert answers.count("activation_exists") == 8


def test_an_owner_stores_so_many_and_no_more(sessions: Sessions) -> None:
    for name in ("one", "two"):
        store(sessions, define(name), owner="anna", most=2)
    with pytest.raises(TooManyActivations, match="2 activations are stored"):
        store(sessions, define("three"), owner="anna", most=2)
    assert store(sessions, define("one"), owner="anna", most=2)[1]
    store(sessions, define("three"), owner="bob", most=2)


def test_everybody_finds_their_own_and_an_admin_all_of_them(sessions: Sessions) -> None:
    store(sessions, define(formula="x^2"), owner="anna")
    store(sessions, define(formula="x^3"), owner="bob")
    assert [find_formula(sessions, each) for each in (ANNA, BOB, ROOT)] == ["x^2", "x^3", "x^2"]
    store(sessions, define(formula="x^4"), owner="root")
    assert find_formula(sessions, ROOT) == "x^4"
    assert list_names(sessions, "bob") == [("swishy", "bob")]
    assert list_names(sessions, None) == [("swishy", "anna"), ("swishy", "bob"), ("swishy", "root")]


def test_a_page_begins_after_the_last_one_of_the_page_before(sessions: Sessions) -> None:
    for name in ("c", "a", "b"):
        store(sessions, define(name))
    with sessions.read() as session:
        first = activations.read_page(session, sees="", limit=2, cursor=None)
        second = activations.read_page(session, sees="", limit=2, cursor=first.next_cursor)
        with pytest.raises(InvalidCursor):
            activations.read_page(session, sees="", limit=2, cursor="no id")
    assert [stored.definition.name for stored in (*first.activations, *second.activations)] == ["c", "a", "b"]
    assert second.next_cursor is None


def test_an_activation_cannot_be_deleted_while_an_unfinished_job_has_it(sessions: Sessions) -> None:
    store(sessions, define())
    job_id = create_job(sessions, JobSpec(activation="swishy"))
    with pytest.raises(ActivationInUse, match="swishy"):
        remove(sessions, EVERYBODY)
    with sessions.begin() as session:
        jobs.request_cancel(session, job_id)
    assert [remove(sessions, EVERYBODY) for _ in range(2)] == [True, False]
    assert find_job(sessions, job_id).spec["formula"] == "x*sigmoid(b*x)"


def test_a_job_of_another_owner_does_not_keep_an_activation(sessions: Sessions) -> None:
    for owner in ("anna", "bob"):
        store(sessions, define(), owner=owner)
    create_job(sessions, JobSpec(activation="swishy"), owner="anna", holder=ANNA)
    with pytest.raises(ActivationInUse):
        remove(sessions, ANNA)
    assert remove(sessions, BOB)
    with pytest.raises(ActivationInUse):
        remove(sessions, ROOT)


def test_a_job_of_an_activation_that_its_owner_does_not_see_is_refused(sessions: Sessions) -> None:
    store(sessions, define(), owner="anna")
    with pytest.raises(InvalidSpec, match="unknown activation 'swishy'"):
        create_job(sessions, JobSpec(activation="swishy"), owner="bob", holder=BOB)
    create_job(sessions, JobSpec(activation="swishy"), owner="anna", holder=ANNA)


def test_a_request_is_replayed_after_its_activation_was_deleted(sessions: Sessions) -> None:
    store(sessions, define())
    job_id = create_job(sessions, JobSpec(activation="swishy"), idempotency_key="k")
    with sessions.begin() as session:
        jobs.request_cancel(session, job_id)
    remove(sessions, EVERYBODY)
    assert create_job(sessions, JobSpec(activation="swishy"), idempotency_key="k") == job_id


def test_a_job_of_the_catalog_costs_no_look_up_and_another_one_statement(sessions: Sessions) -> None:
    store(sessions, define())
    with record_statements(sessions) as sent:
        create_job(sessions)
    assert "SELECT activations" not in name_targets(sent)
    with record_statements(sessions) as sent:
        create_job(sessions, JobSpec(activation="swishy"))
    assert name_targets(sent).count("SELECT activations") == 1
