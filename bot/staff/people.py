"""Who of the staff may do what."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each may do what those below may. An editor proposes medical changes, a reviewer puts them live."""

    EDITOR = 1
    REVIEWER = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Person:
    """``id`` is the user's id in the channel, ``name`` what stands in the history."""

    id: str
    role: Role
    name: str

    def may_publish(self, *, is_medical: bool) -> bool:
        return self.role >= Role.REVIEWER or not is_medical


def staff_of(listed: Mapping[int, str]) -> dict[str, Person]:
    """By user id, from STAFF_USER_IDS as the settings read it: ``111`` → ``reviewer:Ben``."""
    people = {}
    for user_id, described in listed.items():
        role, _, name = described.partition(":")
        people[str(user_id)] = Person(str(user_id), Role[role.upper()], name or f"{role} {user_id}")
    return people
