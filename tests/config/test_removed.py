"""``removed``: what becomes of keys that have left the config."""

from __future__ import annotations

from tests.config.conftest import PROXY, Project
from vkstate.options import Removed

KEYS = "defaults: {models: [m]}\nkeys: {k1: , k2: , 'an odd [one]': }\nworkshops: {w: {members: [ann, bob]}}\n"
IMPORT = "import: ['an odd [one]']\n"


def test_targets_and_what_becomes_of_them(project: Project) -> None:
    config = project.load(
        PROXY + KEYS + IMPORT + "removed:\n"
        "  - {alias: gone}\n"
        "  - alias: old-*\n"
        "    destroy: false\n"
        "  - {alias: workshop:spring, destroy: true}\n"
        "  - {alias: workshop:w/cyd, destroy: false}\n"
        "  - {alias: 12, destroy: false}\n"
    )

    assert config.removed == (
        Removed("gone", True, "vkstate.yaml:7:5"),
        Removed("old-*", False, "vkstate.yaml:8:5"),
        Removed("workshop:spring", True, "vkstate.yaml:10:5"),
        Removed("workshop:w/cyd", False, "vkstate.yaml:11:5"),
        Removed("12", False, "vkstate.yaml:12:5"),
    )
    assert config.warnings == ()


def test_everything_that_cannot_be_meant_is_reported_at_once(project: Project) -> None:
    assert project.problems(
        KEYS + IMPORT + "removed:\n"
        "  - {alias: k1}\n"
        "  - {alias: k*, destroy: false}\n"
        "  - {alias: workshop:w}\n"
        "  - {alias: workshop:w/bob, destroy: false}\n"
        "  - {alias: 'an odd [one]'}\n"
        "  - {alias: gone}\n"
        "  - {alias: gone, destroy: false}\n"
        "  - {alias: 'workshop:'}\n"
        "  - {destroy: no}\n"
        "  - {alias: x, destory: false}\n"
        "  - gone\n"
    ) == [
        (
            "vkstate.yaml:7:6: removed[0].alias: names k1, which is still declared, at vkstate.yaml:3:8: "
            "take it out there, or out of removed"
        ),
        (
            "vkstate.yaml:8:6: removed[1].alias: names k1 and 1 more, which are still declared, the first at "
            "vkstate.yaml:3:8: take them out there, or out of removed"
        ),
        (
            "vkstate.yaml:9:6: removed[2].alias: names w-ann and 1 more, which are still declared, the first at "
            "vkstate.yaml:4:27: take them out there, or out of removed"
        ),
        (
            "vkstate.yaml:10:6: removed[3].alias: names w-bob, which is still declared, at vkstate.yaml:4:32: "
            "take it out there, or out of removed"
        ),
        (
            "vkstate.yaml:11:6: removed[4].alias: names an odd [one], which is still declared, at vkstate.yaml:3:20: "
            "take it out there, or out of removed"
        ),
        "vkstate.yaml:13:6: removed[6].alias: is here a second time; the first is in line 12",
        "vkstate.yaml:14:6: removed[7].alias: names no workshop: write workshop:NAME",
        (
            "vkstate.yaml:15:5: removed[8].alias: is missing: which keys: an alias, a glob, workshop:NAME or "
            "workshop:NAME/MEMBER"
        ),
        (
            "vkstate.yaml:15:6: removed[8].destroy: must be true or false, not the text 'no': YAML 1.2 reads only true "
            "and false as flags"
        ),
        "vkstate.yaml:16:16: removed[9].destory: unknown field; did you mean destroy?",
        "vkstate.yaml:17:5: removed[10]: must be a mapping of names and values, not the text 'gone'",
    ]


def test_a_key_that_is_declared_though_not_valid_is_not_removed(project: Project) -> None:
    assert project.problems("keys:\n  dev: {models: [m], max_budget: -1}\nremoved: [{alias: d*}]\n") == [
        "vkstate.yaml:3:22: keys.dev.max_budget: must not be negative: it is -1",
        (
            "vkstate.yaml:4:12: removed[0].alias: names dev, which is still declared, at vkstate.yaml:3:3: "
            "take it out there, or out of removed"
        ),
    ]


def test_a_name_from_outside_is_not_repeated(project: Project) -> None:
    assert project.problems("keys: {dev: {models: [m]}}\nremoved: [{alias: '${env.A}'}]\n", {"A": "dev"}) == [
        (
            "vkstate.yaml:3:12: removed[0].alias: names a key, which is still declared, at vkstate.yaml:2:8: "
            "take it out there, or out of removed"
        )
    ]
