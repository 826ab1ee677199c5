"""The choices that are measured on a processor: kept, used, and measured anew on another one."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import speed, tuning, tuning_trials
from engine.cli import doctor
from engine.events import Notice
from engine.job import Job, Region
from engine.network import Network
from engine.pictures.picture import Picture, write_picture
from engine.run import stylize
from engine.tuning import Trial, Tuning
from models.forms import KINDS, USUAL_FORMS, possible_forms
from models.kernels import Kernels

LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")
ALL_DIRECT = Tuning(dict.fromkeys(KINDS, "direct"), 1, 0)
OTHER_FORMS = Tuning({kind: possible_forms(kind)[:2][-1] for kind in KINDS}, 1, 50)


@pytest.fixture(autouse=True)
def own_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "speed.json"
    monkeypatch.setattr(speed, "record_file", lambda: file)
    monkeypatch.setattr(tuning_trials, "TRIAL_SIDE", 48)
    monkeypatch.setattr(speed, "TRIAL_SIDE", 32)
    return file


def test_what_is_recorded_is_read_back() -> None:
    assert tuning.recorded() is None
    assert not tuning.outdated()
    trials = [Trial("64 to 64 channels, forward", {"direct": 0.03, "winograd2": 0.07}, "direct")]
    tuning.record(OTHER_FORMS, trials)
    assert tuning.recorded() == OTHER_FORMS
    assert tuning.recorded_trials() == trials
    assert not tuning.outdated()


@pytest.mark.parametrize(
    "damage",
    [
        {"threads": 0},
        {"threads": 10_000},
        {"threads": "2"},
        {"spin": -1},
        {"spin": 1e9},
        {"forms": {}},
        {"forms": None},
        {"forms": {tuning.name(kind): "fft" for kind in KINDS}},
    ],
    ids=str,
)
def test_a_record_that_cannot_be_is_not_used(own_record: Path, damage: dict[str, Any]) -> None:
    tuning.record(ALL_DIRECT, [])
    entries = json.loads(own_record.read_text())
    (key,) = entries
    own_record.write_text(json.dumps({key: {**entries[key], **damage}}))
    assert tuning.recorded() is None
    assert "damaged" in tuning.outdated()


@pytest.mark.parametrize(
    ("module", "name", "value", "said"),
    [
        (tuning, "usable_processors", 7, "number of usable cores (7 instead of {processors})"),
        (speed.onnxruntime, "__version__", "9.9", "version of onnxruntime (9.9 instead of 1."),
        (speed, "_processor", "Fast, 3 GHz", "processor (Fast, 3 GHz instead of Slow, 2 GHz)"),
    ],
    ids=["cores", "onnxruntime", "processor"],
)
def test_the_sentence_says_what_has_changed(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, value: Any, said: str
) -> None:
    monkeypatch.setattr(speed, "_processor", lambda: "Slow, 2 GHz")
    processors = tuning.usable_processors()
    tuning.record(ALL_DIRECT, [])
    # An entry that differs in more is not what the sentence is about.
    speed.enter(f"tuning, {processors + 1} processors, onnxruntime 1.0, Older", {})
    monkeypatch.setattr(module, name, value if isinstance(value, str) and name != "_processor"
                        else lambda: value)  # fmt: skip
    sentence = tuning.outdated()
    assert sentence.startswith(f"Changed since the last measurements: {said}".format(
        processors=processors))  # fmt: skip
    assert sentence.count("instead of") == 1


def test_networks_of_every_form_have_the_same_features_and_gradient(kernels: Kernels) -> None:
    picture = np.random.default_rng(0).uniform(0, 255, (3, 72, 88)).astype(np.float32)
    found = []
    for choice in (None, ALL_DIRECT, OTHER_FORMS):
        network = Network(kernels, device="cpu", threads=1, tuning=choice)
        sized = network.differentiable(72, 88, LAYERS)
        features = {layer: each.copy() for layer, each in sized.forward(picture).items()}
        random = np.random.default_rng(1)
        up = {name: random.normal(size=each.shape) for name, each in features.items()}
        found.append((features, sized.backward(up).copy()))
    for features, gradient in found[1:]:
        for layer in LAYERS:
            expected = found[0][0][layer]
            error = np.linalg.norm(features[layer] - expected)
            assert error < 1e-5 * np.linalg.norm(expected)
        assert error > 0, "another form rounds otherwise"
        # Rounding opens or closes a few ReLUs.
        assert np.linalg.norm(gradient - found[0][1]) < 3e-3 * np.linalg.norm(gradient)


def test_the_recorded_threads_are_used_unless_a_number_is_asked_for(kernels: Kernels) -> None:
    assert Network(kernels, device="cpu", tuning=ALL_DIRECT).threads == 1
    assert Network(kernels, device="cpu", threads=2, tuning=ALL_DIRECT).threads == 2


def test_measuring_records_a_form_for_every_kind_of_layer(kernels: Kernels) -> None:
    found, trials = tuning_trials.measure(kernels)
    assert tuning.recorded() == found
    assert tuning.recorded_trials() == trials
    by_subject = {trial.subject: trial for trial in trials}
    for kind in KINDS:
        trial = by_subject[tuning.name(kind)]
        assert set(trial.seconds) == set(possible_forms(kind))
        assert next(iter(trial.seconds)) == USUAL_FORMS[kind]
        assert found.forms[kind] == trial.chosen
        best = min(trial.seconds.values())
        assert trial.seconds[trial.chosen] <= best / (1 - tuning_trials.GAIN)
    # A single thread has no other one to wait for.
    waiting = by_subject["busy waiting, microseconds"]
    assert set(waiting.seconds) == (set() if found.threads == 1 else {"0", "100"})


def test_the_usual_form_stays_where_another_gains_little() -> None:
    def taking(seconds: float) -> Any:
        return lambda: seconds

    slow = tuning_trials._choose("x", {"usual": taking(1.0), "other": taking(0.97)})
    assert slow.chosen == "usual"
    quick = tuning_trials._choose("x", {"usual": taking(1.0), "other": taking(0.9)})
    assert quick.chosen == "other"


def test_on_another_processor_the_next_run_measures_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning.record(ALL_DIRECT, [])
    monkeypatch.setattr(speed, "machine", lambda: "onnxruntime 9.9, another processor")
    path = tmp_path / "ß.png"
    pixels = np.random.default_rng(0).uniform(0, 255, (32, 32, 3)).astype(np.float32)
    write_picture(path, Picture(pixels))
    job = Job(content=str(path), output=str(tmp_path / "out.png"), regions=(Region(str(path)),))
    said = []
    stylize(
        Job(**{**vars(job), "iterations": 1}),
        lambda event: said.append(event.text) if isinstance(event, Notice) else None,
        threading.Event(),
    )
    assert any("Measuring what is quickest" in text for text in said)
    assert tuning.recorded() is not None


def test_doctor_shows_the_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = {"winograd4": 0.0221, "direct": 0.0345}
    tuning.record(ALL_DIRECT, [Trial("256 to 256 channels, forward", times, "winograd4")])
    monkeypatch.setattr(doctor, "_CHECKS", {"tuning": doctor._tuning})
    monkeypatch.setattr(doctor, "_painting", lambda: doctor.Finding("painting", "skipped"))
    doctor.examine()
    printed = capsys.readouterr().out
    assert "measured on this processor: 1 thread, no busy waiting" in printed
    assert "256 to 256 channels, forward" in printed
    assert "winograd4  (winograd4 22.1, direct 34.5 ms)" in printed
