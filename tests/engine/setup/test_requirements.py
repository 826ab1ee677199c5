from __future__ import annotations

from pathlib import Path

import pytest

from engine.setup.requirements import (
    CLUSTER,
    ENGINE,
    PLOTS,
    TESTS,
    distribution_name,
    read_requirements,
)
from engine.setup.setup_errors import SetupError

tomllib = pytest.importorskip("tomllib", reason="Python before 3.11")

PYPROJECT = Path(__file__).resolve().parents[3] / "pyproject.toml"


@pytest.mark.parametrize("table, key", [ENGINE, PLOTS, CLUSTER, TESTS])
def test_a_list_is_read_as_toml_reads_it(table: str, key: str) -> None:
    content = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    for name in table.split("."):
        content = content[name]
    assert read_requirements(PYPROJECT, table, key) == content[key]
    assert content[key]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "no list 'dependencies'"),
        ('[other]\ndependencies = [\n    "numpy",\n]\n', "no list 'dependencies'"),
        ('[project]\n[other]\ndependencies = [\n    "numpy",\n]\n', "no list 'dependencies'"),
        ('[project]\ndependencies = ["numpy"]\n', "no list 'dependencies'"),
        ('[project]\ndependencies = [\n    "numpy",\n', "no list 'dependencies'"),
        ("[project]\ndependencies = [\n    'numpy',\n]\n", "no requirement"),
        ('[project]\ndependencies = [\n    "numpy", "scipy",\n]\n', "no requirement"),
    ],
)
def test_a_list_in_another_form_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(text)
    with pytest.raises(SetupError, match=reason):
        read_requirements(file, *ENGINE)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="complete copy"):
        read_requirements(tmp_path / "pyproject.toml", *ENGINE)


def test_requirements_name_their_distribution() -> None:
    written = ["numpy>=1.26,<3", "onnxruntime-gpu[cuda,cudnn]>=1.27", "Pillow", "x; y", "x ~= 3"]
    names = ["numpy", "onnxruntime-gpu", "pillow", "x", "x"]
    assert list(map(distribution_name, written)) == names
