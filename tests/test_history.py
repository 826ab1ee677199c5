"""The history of the benchmarks: what is appended, and how runs are compared."""

from __future__ import annotations

from pathlib import Path

from tests.bench import history


def test_a_run_is_compared_with_the_one_before_it_on_the_same_processor(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    for seconds in (4.0, 2.0, 1.5):
        history.append("evaluation 512", {"seconds": seconds}, file)
    history.append("evaluation 512", {"seconds": 2.0, "share": 0.5}, file)
    lines = history.read(file)
    assert [each["figures"]["seconds"] for each in lines] == [4.0, 2.0, 1.5, 2.0]
    lines[1]["processor"] = lines[2]["processor"] = "another one"
    text = "\n".join(history.comparison(lines))
    assert "| seconds | 4 | 2 | -50.0% |" in text
    assert "| seconds | 2 | 1.5 | -25.0% |" in text
    assert "| share |  | 0.5 |  |" in text


def test_without_a_file_there_is_no_history(tmp_path: Path) -> None:
    assert history.read(tmp_path / "none.jsonl") == []
    assert history.comparison([]) == []


def test_the_history_that_is_kept_can_be_read() -> None:
    for line in history.read():
        assert set(line) == {"bench", "date", "commit", "processor", "figures"}
