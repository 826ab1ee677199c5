"""The contract: what a job may be, and what is said about one that is not."""

from __future__ import annotations

import dataclasses
import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.job import (
    INPUT_KINDS,
    KINDS,
    LAYERS,
    MAX_REGIONS,
    MIN_SIDE,
    OLD_NAMES,
    PATH_KINDS,
    REST,
    Job,
    JobError,
    Region,
    options,
)
from engine.job_checks import check, check_value
from engine.jobfile import job_from_dict, load_job, paths_of, resolve_paths, with_paths
from engine.masks.regions import region_name
from engine.methods import METHODS
from models import vgg16

JOB_FIELDS = {each.name: each for each in dataclasses.fields(Job)}
REGION_FIELDS = {each.name: each for each in dataclasses.fields(Region)}
RANGED = [
    pytest.param(each, id=each.name)
    for each in (*JOB_FIELDS.values(), *REGION_FIELDS.values())
    if each.metadata["low"] is not None
]
CHOSEN = [pytest.param(each, id=each.name) for each in JOB_FIELDS.values()
          if each.metadata["choices"]]  # fmt: skip
REGION = Region(style="style.png")
JOB = Job(content="content.png", output="out.png", regions=(REGION,))

names = st.text(string.ascii_letters + string.digits + "äß木 ._-", min_size=1, max_size=20)
weights = st.floats(0, 1e6, allow_nan=False)
layers = st.lists(
    st.tuples(st.sampled_from(LAYERS), weights), min_size=1, unique_by=lambda each: each[0]
).map(tuple)


def within(described: dataclasses.Field) -> st.SearchStrategy:
    about = described.metadata
    if about["choices"]:
        return st.sampled_from(about["choices"])
    if about["kind"] == "layers":
        return layers
    if isinstance(described.default, bool):
        return st.booleans()
    if isinstance(described.default, int):
        return st.integers(about["low"], about["high"])
    if isinstance(described.default, float):
        return st.floats(about["low"], about["high"])
    return names


regions = st.builds(Region, **{name: within(each) for name, each in REGION_FIELDS.items()})
jobs = st.builds(
    Job,
    **{name: within(each) for name, each in JOB_FIELDS.items() if name != "regions"},
    regions=st.lists(regions, min_size=1, max_size=MAX_REGIONS).map(tuple),
)


def consistent(job: Job) -> Job:
    """Mend what does not go together."""
    return dataclasses.replace(
        job,
        size=max(job.size, MIN_SIDE**2) if job.size else 0,
        content_layers=(*job.content_layers[:-1], (job.content_layers[-1][0], 1.0)),
        optimizer="auto" if job.method == "gradient" else job.optimizer,
        grow=job.grow if job.propagation in ("inside", "all") else 0,
        uncut=job.uncut and job.method in ("auto", "cutout", "stitch"),
    )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(jobs.map(consistent))
def test_a_job_survives_json(job):
    assert job_from_dict(json.loads(json.dumps(job.to_dict()))) == job


@settings(max_examples=20, deadline=None, derandomize=True)
@given(jobs.map(consistent))
def test_a_job_survives_a_file(tmp_path_factory, job):
    folder = tmp_path_factory.mktemp("job")
    (folder / "job.json").write_text(json.dumps(job.to_dict()), encoding="utf-8")
    assert load_job(folder / "job.json") == resolve_paths(job, folder)


def test_the_defaults_are_allowed():
    check(JOB)
    assert job_from_dict({"content": "content.png", "output": "out.png",
                          "regions": [{"style": "style.png"}]}) == JOB  # fmt: skip


def test_every_field_is_explained():
    for described in (*JOB_FIELDS.values(), *REGION_FIELDS.values()):
        assert described.metadata["text"].endswith("."), described.name
        if type(described.default) in (int, float):
            low, high = described.metadata["low"], described.metadata["high"]
            assert low <= described.default <= high, described.name
        if described.metadata["choices"]:
            assert described.default in described.metadata["choices"], described.name


@pytest.mark.parametrize("described", RANGED)
def test_values_out_of_range(described):
    low, high = described.metadata["low"], described.metadata["high"]
    kind = type(described.default)
    for value in (low, high):
        assert check_value(described, kind(value)) == value
    beyond = (low - 1, high + 1) if kind is int else (low - 0.01, high * 1.01, float("nan"))
    for value in beyond:
        with pytest.raises(JobError) as caught:
            check_value(described, value)
        for word in (described.name, repr(value), f"{low:g}", f"{high:g}"):
            assert word in str(caught.value)


@pytest.mark.parametrize("described", CHOSEN)
def test_a_choice_is_taken_and_anything_else_refused(described):
    for value in described.metadata["choices"]:
        assert check_value(described, value) == value
    with pytest.raises(JobError) as caught:
        check_value(described, "none such")
    assert described.name in str(caught.value)
    assert "'none such'" in str(caught.value)
    for value in described.metadata["choices"]:
        assert value in str(caught.value)


@pytest.mark.parametrize(
    "field, value, kind",
    [
        ("iterations", "10", "a whole number"),
        ("iterations", 1.5, "a whole number"),
        ("iterations", True, "a whole number"),
        ("iterations", None, "a whole number"),
        ("strength", "much", "a number"),
        ("strength", True, "a number"),
        ("uncut", 1, "true or false"),
        ("content", 3, "a text"),
        ("method", ["joint"], "a text"),
    ],
)
def test_values_of_another_kind(field, value, kind):
    with pytest.raises(JobError, match=f"^{field}: .* is not {kind}") as caught:
        job_from_dict({**JOB.to_dict(), field: value})
    assert repr(value) in str(caught.value)


def test_a_whole_number_will_do_for_a_number():
    job = job_from_dict({**JOB.to_dict(), "strength": 3})
    assert job.strength == 3.0
    assert isinstance(job.strength, float)


@pytest.mark.parametrize(
    "value, words",
    [
        ([["conv9_9", 1]], ["'conv9_9'", "conv1_1", "conv5_3"]),
        ([["conv1_1", -1]], ["-1", "from 0 up"]),
        ([["conv1_1", float("inf")]], ["inf", "from 0 up"]),
        ([["conv1_1", True]], ["True", "from 0 up"]),
        ([["conv1_1", "x"]], ["'x'", "from 0 up"]),
        ([["conv1_1", 1], ["conv1_1", 2]], ["twice"]),
        ([["conv1_1"]], ["not a layer with a weight"]),
        ("conv1_1", ["'conv1_1'", "not a layer with a weight"]),
        (7, ["7", "not a layer with a weight"]),
    ],
)
def test_layers_that_are_wrong_are_refused_with_a_reason(value, words):
    with pytest.raises(JobError, match=r"^style_layers: ") as caught:
        job_from_dict({**JOB.to_dict(), "style_layers": value})
    for word in words:
        assert word in str(caught.value)


def test_layers_as_an_object():
    job = job_from_dict({**JOB.to_dict(), "style_layers": {"conv1_1": 1, "conv2_2": 0.5}})
    assert job.style_layers == (("conv1_1", 1.0), ("conv2_2", 0.5))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"content": ""}, ["content", "empty"]),
        ({"regions": ()}, ["regions", "0 styles", "1 to 8"]),
        ({"regions": (REGION,) * 9}, ["regions", "9 styles", "1 to 8"]),
        ({"regions": (REGION, Region())}, ["regions[2].style", "empty"]),
        ({"size": 255}, ["size", "255", "256"]),
        (
            {"content_layers": (("conv3_2", 0.0),), "style_layers": (("conv1_1", 0.0),)},
            ["style_layers", "content_layers", "every weight is 0"],
        ),
        ({"init": "picture"}, ["init_picture", "empty"]),
        ({"method": "gradient", "optimizer": "lbfgs"}, ["optimizer", "'lbfgs'", "'adam'"]),
        ({"grow": 2}, ["grow", "2", "'auto'", "'inside'", "'all'"]),
        ({"uncut": True, "method": "joint"}, ["uncut", "'stitch'", "'auto'", "'joint'"]),
    ],
)
def test_what_does_not_go_together(changes, words):
    with pytest.raises(JobError) as caught:
        check(dataclasses.replace(JOB, **changes))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "data, words",
    [
        ([1, 2], "a job is a json object"),
        (None, "a job is a json object"),
        ({**JOB.to_dict(), "iteration": 3}, "iteration is not a field"),
        ({**JOB.to_dict(), "regions": "style.png"}, "is not a list"),
        ({**JOB.to_dict(), "regions": ["style.png"]}, r"regions\[1\]"),
        ({**JOB.to_dict(), "regions": [{"style": "a", "maks": "b"}]}, r"regions\[1\].maks"),
        ({**JOB.to_dict(), "regions": [{"style": "a", "weight": 0}]}, r"regions\[1\].weight: 0"),
    ],
)
def test_data_that_are_no_job_are_refused_with_their_place(data, words):
    with pytest.raises(JobError, match=f"(?i){words}"):
        job_from_dict(data)


@pytest.mark.parametrize(
    "content, words",
    [
        (None, "There is no file"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[]", "JSON object"),
        (b'{"content": NaN}', "content: nan is not a text"),
    ],
)
def test_job_files_that_are_none(tmp_path, content, words):
    if content is not None:
        (tmp_path / "job.json").write_bytes(content)
    with pytest.raises(JobError, match=words):
        load_job(tmp_path / "job.json")


def test_paths_belong_to_the_job_files_folder(tmp_path):
    job = Job(
        content="c.png",
        output="sub/o.png",
        init_picture="i.png",
        regions=(Region("s.png", "m.png", "u.png"), Region(str(tmp_path / "t.png"), REST)),
    )
    resolved = resolve_paths(job, Path("there"))
    assert resolved.content == str(Path("there/c.png"))
    assert resolved.output == str(Path("there/sub/o.png"))
    assert resolved.init_picture == str(Path("there/i.png"))
    style, mask, part = (str(Path("there") / name) for name in ("s.png", "m.png", "u.png"))
    assert resolved.regions[0] == Region(style, mask, part)
    assert resolved.regions[1] == Region(str(tmp_path / "t.png"), REST)


OPTIONAL_PATHS: dict[str, Any] = {
    each.name: each.name for each in options() if each.metadata["kind"] in PATH_KINDS
}
FULL = Job(
    content="c",
    output="o",
    init="picture",
    **OPTIONAL_PATHS,
    regions=(Region("s1", "m1", "p1"), Region("s2", REST)),
)


def test_every_path_of_a_job_is_found_by_its_kind():
    optional = ("protect", "init_picture")
    assert paths_of(FULL, INPUT_KINDS) == ("c", *optional, "s1", "m1", "p1", "s2")
    assert paths_of(FULL, ("file", "folder")) == ("o", "report")
    assert set(paths_of(FULL)) == {"c", "o", "report", *optional, "s1", "m1", "p1", "s2"}


def test_a_picture_to_start_from_is_read_only_if_it_is_asked_for():
    assert "init_picture" not in paths_of(dataclasses.replace(FULL, init="noise"))


def test_changed_paths_are_those_of_the_kinds_and_nothing_else():
    changed = with_paths(FULL, str.upper, ("mask",))
    first, second = (Region("s1", "M1", "P1"), Region("s2", REST))
    expected = dataclasses.replace(FULL, protect="PROTECT", regions=(first, second))
    assert changed == expected
    assert with_paths(Job(), lambda path: "made up") == Job()


def test_a_kind_says_what_type_a_field_has():
    types = {"number": (int, float), "switch": (bool,), "layers": (tuple,), "regions": (tuple,)}
    for described in (*JOB_FIELDS.values(), *REGION_FIELDS.values()):
        about = described.metadata
        assert about["kind"] in KINDS, described.name
        assert type(described.default) in types.get(about["kind"], (str,)), described.name
        assert bool(about["choices"]) == (about["kind"] == "choice"), described.name
        assert (about["low"] is not None) == (about["kind"] == "number"), described.name
        if about["needs"]:
            owner = JOB_FIELDS if described.name in JOB_FIELDS else REGION_FIELDS
            assert about["needs"][1] in owner[about["needs"][0]].metadata["choices"]


def test_the_layers_are_those_of_the_network():
    assert LAYERS == vgg16.LAYERS


OLD = {
    "tv": 5.0,
    "history": 7,
    "separate": True,
    "keep": "face.png",
    "keep_strength": 9.0,
    "guidance": "inside",
}


def test_a_job_of_version_0_1_0_is_read():
    regions = [{"style": "style.png", "scale": 2.0}]
    old = {"content": "content.png", "output": "out.png", "regions": regions, **OLD}
    assert job_from_dict(old) == dataclasses.replace(
        JOB,
        regions=(Region("style.png", style_size=2.0),),
        smoothing=5.0,
        lbfgs_memory=7,
        uncut=True,
        protect="face.png",
        protect_strength=9.0,
        propagation="inside",
    )
    assert set(OLD_NAMES["Job"]) == set(OLD)


def test_old_names_lead_to_fields_and_are_none_themselves():
    for kind, fields in (("Job", JOB_FIELDS), ("Region", REGION_FIELDS)):
        assert set(OLD_NAMES[kind].values()) <= set(fields)
        assert not set(OLD_NAMES[kind]) & set(fields)


def test_a_field_under_both_names_is_refused():
    with pytest.raises(JobError, match=r"^tv is the old name of smoothing; give only smoothing\.$"):
        job_from_dict({**JOB.to_dict(), "tv": 1.0})


def test_regions_have_names():
    job = dataclasses.replace(JOB, regions=(Region("a/waves.png"), Region("b.png", name="sky")))
    assert region_name(job, 0) == "1 (waves.png)"
    assert region_name(job, 1) == "sky"


@pytest.mark.parametrize(
    "method, optimizer, protect, used",
    [
        ("joint", "auto", "", "lbfgs32"),
        ("joint", "auto", "face.png", "lbfgs"),
        ("joint", "lbfgs32", "face.png", "lbfgs32"),
        ("gradient", "auto", "", "adam"),
        ("gradient", "auto", "face.png", "adam"),
        ("joint", "adam", "face.png", "adam"),
    ],
)
def test_the_optimizer_that_auto_stands_for(method, optimizer, protect, used):
    job = dataclasses.replace(JOB, method=method, optimizer=optimizer, protect=protect)
    assert METHODS[method].optimizer_for(job) == used


@pytest.mark.parametrize(
    ("masks", "joint", "cutout"),
    [
        (("",), "lbfgs32", "lbfgs32"),
        (("a.png",), "lbfgs", "lbfgs32"),
        (("a.png", "b.png"), "lbfgs", "lbfgs32"),
        (("a.png", "rest"), "lbfgs32", "lbfgs32"),
    ],
)
def test_the_optimizer_where_a_part_of_the_picture_may_have_no_style(masks, joint, cutout):
    regions = tuple(Region("style.png", mask) for mask in masks)
    job = dataclasses.replace(JOB, regions=regions)
    for method, used in (("joint", joint), ("banded", joint), ("cutout", cutout)):
        assert METHODS[method].optimizer_for(job) == used
    assert METHODS["gradient"].optimizer_for(job) == "adam"


@pytest.mark.parametrize(
    ("method", "propagation", "used"),
    [
        ("joint", "auto", "receptive"),
        ("cutout", "auto", "resize"),
        ("cutout", "receptive", "receptive"),
        ("joint", "inside", "inside"),
    ],
)
def test_the_propagation_that_auto_stands_for(method, propagation, used):
    job = dataclasses.replace(JOB, method=method, propagation=propagation)
    assert METHODS[method].propagation_for(job) == used
