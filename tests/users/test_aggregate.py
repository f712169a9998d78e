from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given as for_all
from hypothesis import strategies

from eventstore.events import UnknownEvent
from tests.factories import ADA, renamed, user_created
from tests.given import Given, given
from users.aggregate import ALLOWED_TRANSITIONS, USER, User, user_id_of
from users.commands import ChangeEmail, ChangeName, ChangeStatus, CreateUser
from users.errors import (
    InvalidValueError,
    StatusTransitionError,
    UserExistsError,
    UserNotFoundError,
)
from users.events import UserEmailChanged, UserNameChanged, UserStatusChanged
from users.values import SETTABLE_STATUSES, Status

CREATED = user_created()


def changed(old: Status, new: Status, reason: str = "") -> UserStatusChanged:
    return UserStatusChanged(old_status=old, new_status=new, reason=reason)


def test_creates_a_user_with_tidy_values() -> None:
    command = CreateUser(user_id=ADA, name="  Ada Byron ", email=" ada@example.com ")
    given().when(command).then(CREATED)


def test_refuses_to_create_a_user_twice() -> None:
    command = CreateUser(user_id=ADA, name="Ada", email="ada@example.com")
    given(CREATED).when(command).then_refused(UserExistsError, user_id=ADA)


@pytest.mark.parametrize(
    "command",
    [
        ChangeName(user_id=ADA, name="Ada"),
        ChangeEmail(user_id=ADA, email="a@example.com"),
        ChangeStatus(user_id=ADA, status=Status.SUSPENDED),
    ],
    ids=lambda command: type(command).__name__,
)
def test_refuses_to_change_a_user_who_does_not_exist(
    command: ChangeName | ChangeEmail | ChangeStatus,
) -> None:
    given().when(command).then_refused(UserNotFoundError, user_id=ADA)


def test_changes_the_name_and_keeps_the_old_one_in_the_event() -> None:
    command = ChangeName(user_id=ADA, name="Ada King")
    given(CREATED).when(command).then(renamed("Ada Byron", "Ada King"))


def test_says_nothing_when_the_name_stays() -> None:
    given(CREATED).when(ChangeName(user_id=ADA, name=" Ada Byron")).then_nothing()


def test_changes_the_address_even_when_only_its_case_differs() -> None:
    event = UserEmailChanged(old_email="ada@example.com", new_email="Ada@example.com")
    command = ChangeEmail(user_id=ADA, email="Ada@example.com")
    given(CREATED).when(command).then(event)


def test_says_nothing_when_the_address_stays() -> None:
    given(CREATED).when(
        ChangeEmail(user_id=ADA, email="ada@example.com")
    ).then_nothing()


@pytest.mark.parametrize("old", SETTABLE_STATUSES)
@pytest.mark.parametrize("new", Status)
def test_changes_the_status_along_the_table_only(old: Status, new: Status) -> None:
    before = [] if old is Status.ACTIVE else [changed(Status.ACTIVE, old)]
    outcome = given(CREATED, *before).when(
        ChangeStatus(user_id=ADA, status=new, reason=" why ")
    )
    if new is old:
        outcome.then_nothing()
    elif (old, new) in ALLOWED_TRANSITIONS:
        outcome.then(changed(old, new, "why"))
    else:
        outcome.then_refused(StatusTransitionError, user_id=ADA, old=old, new=new)


def test_the_table_of_transitions_is_this_one() -> None:
    assert {f"{old} -> {new}" for old, new in ALLOWED_TRANSITIONS} == {
        "active -> suspended",
        "active -> deactivated",
        "suspended -> active",
        "suspended -> deactivated",
        "deactivated -> active",
    }


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (CreateUser(user_id=ADA, name=" ", email="a@example.com"), "name"),
        (CreateUser(user_id=ADA, name="Ada", email="nobody"), "email"),
    ],
)
def test_refuses_unacceptable_values_and_names_the_field(
    command: CreateUser, field: str
) -> None:
    given().when(command).then_refused(InvalidValueError, field=field)


def test_folds_every_kind_of_event() -> None:
    history = [
        CREATED,
        renamed("Ada Byron", "Ada King"),
        UserEmailChanged(old_email="ada@example.com", new_email="king@example.com"),
        changed(Status.ACTIVE, Status.SUSPENDED),
        UnknownEvent(type="UserTeleported", data={}),
    ]
    assert USER.fold(history) == User(
        name="Ada King", email="king@example.com", status=Status.SUSPENDED
    )


def test_a_stream_that_creates_twice_ends_with_the_second() -> None:
    ada = USER.fold([CREATED, renamed(), user_created(name="Ada the Second")])
    assert ada is not None
    assert ada.name == "Ada the Second"


def test_a_change_of_nobody_is_nobody() -> None:
    assert USER.fold([renamed(), UnknownEvent(type="X", data={})]) is None


names = strategies.text("abc ", min_size=1, max_size=3)
histories = strategies.lists(
    names.map(lambda name: UserNameChanged(old_name="?", new_name=name))
)


@for_all(histories, histories)
def test_a_fold_in_two_parts_is_the_fold_at_once(
    first: list[UserNameChanged], second: list[UserNameChanged]
) -> None:
    whole = USER.fold([CREATED, *first, *second])
    assert USER.fold(second, USER.fold([CREATED, *first])) == whole


def test_the_story_is_told_by_a_fixture_too(given: Callable[..., Given]) -> None:
    command = ChangeName(user_id=ADA, name="Ada King")
    given(CREATED).when(command).then(renamed("Ada Byron", "Ada King"))


def test_knows_whose_stream_it_is() -> None:
    assert user_id_of(USER.stream(ADA)) == ADA
    with pytest.raises(ValueError, match="not the stream of a user"):
        user_id_of(f"reprocess-{ADA}")
