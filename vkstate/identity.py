"""Which key a key is, and whose: by its token, by the mark that it carries, and through a move. Pure."""

from __future__ import annotations

from vkstate.attributes import UNSET, Unset, Value
from vkstate.keys import DesiredKey, LiveKey, Member, RecordedKey, Stamp


def adopted_id(live: LiveKey, lineage: str) -> str:
    """The id of a key that is taken into the state: the one that it carries for us, else the same whenever asked."""
    return live.stamp.id if live.stamp and live.stamp.lineage == lineage else live.token[:16]


def is_record_of(record: RecordedKey, live: LiveKey) -> bool:
    """Whether a live key is what a record stands for: by its token, and while that is not known by the key's mark."""
    if record.token is not None:
        return record.token == live.token
    return live.stamp is not None and live.stamp.id == record.id


def carries(live: LiveKey, stamp: Stamp) -> bool:
    """Whether a key carries a mark, whatever number that gives the member."""
    return live.stamp is not None and _apart_from_numbers(live.stamp) == _apart_from_numbers(stamp)


def _apart_from_numbers(stamp: Stamp) -> tuple[str, ...]:
    """A stamp without the member's number: it follows from how a workshop says who is in it, and makes no other key."""
    member = stamp.member
    return (stamp.lineage, stamp.id, *((member.workshop, member.user) if member else ()))


def member_text(member: Member | None) -> Value | Unset:
    """Whose key it is, as a difference shows it: ``workshop/user``, without the number; UNSET where it is nobody's."""
    return f"{member.workshop}/{member.user}" if member else UNSET


def follows_the_move(
    recorded: RecordedKey | None, desired: DesiredKey, before: Value | Unset, after: Value | Unset
) -> bool:
    """Whether a user id is another one because the alias, the workshop or the member is, of which it is made."""
    if recorded is None or recorded.alias == desired.alias:
        return False
    if (before, after) == (recorded.alias, desired.alias):
        return True
    if not (isinstance(before, str) and isinstance(after, str) and recorded.member and desired.member):
        return False
    old, new = recorded.member, desired.member
    there = before.replace(old.workshop, new.workshop)
    return before != after and after in (there, before.replace(old.user, new.user), there.replace(old.user, new.user))
