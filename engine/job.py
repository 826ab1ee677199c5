"""The job: everything that can be asked of the engine, declared once.

Each option is one field of `Job` or `Region` with its kind, default, range, unit and help text.
Job files, the command line, and the dialog and the procedure of the GIMP plug-in are made from
these fields; `job_checks` checks their values. Standard library only: the plug-in carries a copy of
this file into GIMP's own Python.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from engine.looks import LOOKS
from engine.messages import UserError
from engine.methods import METHODS
from engine.paintings.catalog import NAMES
from engine.translations import N_, _

PROPAGATIONS = ("receptive", "inside", "all", "resize", "squared")
COLORS = ("style", "luminance", "match")
INITS = ("auto", "colors", "content", "noise", "picture")
ENLARGEMENTS = ("strokes", "smooth")
OPTIMIZERS = ("auto", "lbfgs", "lbfgs32", "adam")
POOLINGS = ("average", "max")
STATISTICS = ("moments", "gram")
DEVICES = ("auto", "cpu", "cuda", "directml", "webgpu")
LAYERS = tuple(
    f"conv{b}_{n}" for b, last in enumerate((2, 2, 3, 3, 3), 1) for n in range(1, last + 1)
)
"""The layers of VGG-16; `models.vgg16` has their sizes."""

REST = "rest"
"""The mask word for everything that the other masks leave."""

AUTO_SIZE = -1
"""The working size that the run chooses."""

MAX_REGIONS = 8
MIN_SIDE = 16
"""Pixels; a smaller picture has no position left in VGG-16's fifth block."""

RUN_FOLDER_PREFIX = "scumble-run-"
"""Start of the name of every run folder, in which the plug-in and the engine exchange files. The
engine deletes only folders with such a name."""

INPUT_KINDS = ("picture", "mask")
"""Kinds of options that name a file to read."""

PATH_KINDS = (*INPUT_KINDS, "file", "folder")
"""Kinds of options that name a file or a folder."""

KINDS = (*PATH_KINDS, "number", "choice", "switch", "text", "layers", "regions")

OLD_NAMES = {
    "Job": {
        "tv": "smoothing",
        "history": "lbfgs_memory",
        "separate": "uncut",
        "keep": "protect",
        "keep_strength": "protect_strength",
        "guidance": "propagation",
    },
    "Region": {"scale": "style_size"},
}
"""Field names of version 0.1.0 and today's, by class. Job files and settings may use either."""

LayerWeights = tuple[tuple[str, float], ...]


class JobError(UserError):
    """An invalid job; the message is one sentence for the user."""


def setting(
    default: Any,
    text: str,
    *,
    kind: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    words: tuple[str, ...] = (),
    unit: str = "",
    label: str = "",
    log: bool = False,
    named: dict[str, int] | None = None,
    positional: str = "",
    needs: tuple[str, str] | None = None,
) -> Any:
    """Declare one field.

    Parameters
    ----------
    default : any
        The value of a job that does not set the field; its type is the field's type.
    text : str
        One sentence of help.
    kind : str
        One of `KINDS`: 'picture' (a picture file to read), 'mask' (a gray picture file to read),
        'file' (a file to write), 'folder' (a folder to write), 'number' (float or int), 'choice'
        (one of `choices`), 'switch' (true or false), 'text', 'layers' (layers with weights) or
        'regions'.
    low, high : float, optional
        The range of a number, both ends included.
    choices : tuple of str
        The allowed values of a choice.
    words : tuple of str
        Values of a picture or mask that are not paths, such as 'rest'.
    unit : str
        The unit of a number.
    label : str
        A short name for a dialog.
    log : bool
        Whether a slider should be logarithmic.
    named : dict of str to int, optional
        Words that the command line takes for some numbers.
    positional : str
        The placeholder of a field that the command line takes without an option of its own; empty
        for an option.
    needs : (str, str), optional
        A field of the same class and the value it must have for this one to count.
    """
    about: dict[str, Any] = {
        "text": text,
        "kind": kind,
        "low": low,
        "high": high,
        "choices": choices,
    }
    about.update(words=words, unit=unit, label=label, log=log, named=named or {})
    return field(default=default, metadata={**about, "positional": positional, "needs": needs})


@dataclass(frozen=True)
class Region:
    """One style and the part of the picture that it paints."""

    style: str = setting(
        "",
        N_("The style: a picture, or the name of a painting that comes with Scumble."),
        kind="picture",
        words=NAMES,
        label="Style",
        positional="PICTURE",
    )
    mask: str = setting(
        "",
        N_(
            "Where the style goes: a gray picture, white for all of the style; 'rest' for what the "
            "other masks leave; empty for the whole picture."
        ),
        kind="mask",
        words=(REST,),
        label="Mask",
        positional="MASK",
    )
    style_mask: str = setting(
        "",
        N_(
            "Which part of the style picture to take the style from: a gray picture, white for "
            "that part; empty for all of it."
        ),
        kind="mask",
        label="Part of the style",
    )
    weight: float = setting(
        1.0,
        N_("How much this style counts against the other styles."),
        kind="number",
        low=0.001,
        high=1000.0,
        label="Weight",
        log=True,
    )
    style_size: float = setting(
        1.0,
        N_("Size of the strokes: 1 gives the style picture as many pixels as the content."),
        kind="number",
        low=0.25,
        high=4.0,
        unit=N_("times"),
        label="Style size",
        log=True,
    )
    name: str = setting("", N_("The name of this region in messages."), kind="text", label="Name")


@dataclass(frozen=True)
class Job:
    """A picture to paint, and how."""

    content: str = setting("", N_("The picture to paint."), kind="picture", positional="CONTENT")
    output: str = setting(
        "", N_("The file to write; its extension sets the format."), kind="file", positional="OUT"
    )
    regions: tuple[Region, ...] = setting(
        (), N_("The styles and where they go."), kind="regions", positional="REGIONS"
    )
    look: str = setting(
        "scumble",
        N_(
            "A set of values for the options that are not given: scumble, or paper for those of "
            "the paper of 2017."
        ),
        kind="choice",
        choices=tuple(LOOKS),
        label=N_("Look"),
    )
    method: str = setting(
        "auto",
        N_(
            "auto: banded for soft masks over the whole picture, else cutout; joint: one picture, "
            "masked Gram losses; banded: joint, with full style all along soft ramps; cutout: "
            "joint, painted past the masks' edges and trimmed to them; pinned: joint, with "
            "everything outside the masks fixed; gradient: each style's gradient is masked "
            "(section 4.1 of the paper); stitch: one picture for each style, then put together "
            "(section 4.2)."
        ),
        kind="choice",
        choices=("auto", *METHODS),
        label="Method",
    )
    propagation: str = setting(
        "auto",
        N_(
            "How a mask is carried to a layer: receptive (average over the receptive field), "
            "inside, all, resize, squared (receptive, squared); auto: resize for cutout, else "
            "receptive."
        ),
        kind="choice",
        choices=("auto", *PROPAGATIONS),
        label=N_("Propagation"),
    )
    grow: int = setting(
        0,
        N_(
            "Grow (positive) or shrink (negative) the masks at each layer by this many positions; "
            "only for the propagations inside and all."
        ),
        kind="number",
        low=-16,
        high=16,
        unit=N_("positions"),
        label=N_("Grow"),
    )
    bands: int = setting(
        3, N_("Bands of the method banded."), kind="number", low=2, high=9, label=N_("Bands")
    )
    strength: float = setting(
        1.0,
        N_("Style against content: 1 is the default look, 10 asks for ten times as much style."),
        kind="number",
        low=0.01,
        high=100.0,
        label=N_("Strength"),
        log=True,
    )
    protect: str = setting(
        "",
        N_("A gray picture over the content, white where the content must stay, such as a face."),
        kind="mask",
        label=N_("Protect"),
    )
    protect_strength: float = setting(
        30.0,
        N_("How many times as much the content counts against the styles where protect is white."),
        kind="number",
        low=1.0,
        high=1000.0,
        unit=N_("times"),
        label="Protection",
        log=True,
    )
    size: int = setting(
        AUTO_SIZE,
        N_(
            "The area to paint at; a larger content is reduced first, and the result is enlarged "
            "to the content's size. 0 paints at full size; -1 at the largest size that takes about "
            "five minutes on this machine."
        ),
        kind="number",
        low=AUTO_SIZE,
        high=1_000_000_000,
        unit=N_("pixels"),
        label=N_("Working size"),
        named={"full": 0, "auto": AUTO_SIZE},
    )
    memory: float = setting(
        0.0,
        N_(
            "The most memory to use, in gigabytes; 0 takes what is free. A picture that does not "
            "fit is painted in tiles, with the same result."
        ),
        kind="number",
        low=0.0,
        high=100_000.0,
        unit=N_("GB"),
        label=N_("Memory"),
    )
    enlargement: str = setting(
        "strokes",
        N_(
            "How a painting is enlarged, from scale to scale and to the content's size: strokes "
            "(with fine strokes taken from the styles), smooth (without)."
        ),
        kind="choice",
        choices=ENLARGEMENTS,
        label=N_("Enlargement"),
    )
    iterations: int = setting(
        150,
        N_(
            "Steps of the optimizer at the first scale; with automatic scales the finer ones take "
            "fewer, with a fixed number of scales all take as many."
        ),
        kind="number",
        low=1,
        high=10_000,
        unit=N_("steps"),
        label=N_("Iterations"),
    )
    scales: int = setting(
        0,
        N_(
            "Number of sizes to paint at, each half as wide as the next. 0 chooses: from a size "
            "that the brush size sets up to the working size, each scale until it stops improving."
        ),
        kind="number",
        low=0,
        high=8,
        label=N_("Scales"),
        named={"auto": 0},
    )
    detail: float = setting(
        1.0,
        N_(
            "Fine texture against large forms of the styles: above 1 the shallow style layers "
            "count more, below 1 the deep ones."
        ),
        kind="number",
        low=0.25,
        high=4.0,
        unit=N_("times"),
        label=N_("Detail"),
        log=True,
    )
    brush_size: float = setting(
        1.0,
        N_(
            "Size of the strokes. The styles are made larger by it; with automatic scales the "
            "first scale has 75,000 pixels at 1, half of that at 2."
        ),
        kind="number",
        low=0.25,
        high=4.0,
        unit=N_("times"),
        label=N_("Brush size"),
        log=True,
    )
    init: str = setting(
        "auto",
        N_(
            "The initial picture: the content in the colors of the styles, the content, noise, or "
            "a picture; auto takes the content where masks cut out a part of it, else the content "
            "in the colors of the styles."
        ),
        kind="choice",
        choices=INITS,
        label=N_("Start from"),
    )
    init_picture: str = setting(
        "",
        N_("The picture to start from."),
        kind="picture",
        label=N_("Start picture"),
        needs=("init", "picture"),
    )
    colors: str = setting(
        "style",
        N_(
            "style: the styles' colors; luminance: the content's own colors, only lightness is "
            "painted; match: each style is given the content's colors first."
        ),
        kind="choice",
        choices=COLORS,
        label=N_("Colors"),
    )
    optimizer: str = setting(
        "auto",
        N_(
            "lbfgs: SciPy's L-BFGS-B, in float32 on a graphics card and where it would take too "
            "much memory, or 2 GB of disk; lbfgs32: L-BFGS in float32; adam: Adam; auto: Adam for "
            "the method gradient, lbfgs where something is protected or may have no style, else "
            "lbfgs32."
        ),
        kind="choice",
        choices=OPTIMIZERS,
        label=N_("Optimizer"),
    )
    learning_rate: float = setting(
        5.0,
        N_("Adam's step."),
        kind="number",
        low=0.01,
        high=100.0,
        unit=N_("of 255"),
        label="Adam's step",
        log=True,
    )
    lbfgs_memory: int = setting(
        0,
        N_(
            "Number of past steps that L-BFGS uses; each takes 48 bytes of memory per pixel, or 24 "
            "in float32. 0 chooses: 10, or 30 where auto takes lbfgs32 and the picture is neither "
            "on a graphics card nor cut into tiles."
        ),
        kind="number",
        low=0,
        high=100,
        label=N_("L-BFGS memory"),
        named={"auto": 0},
    )
    pooling: str = setting(
        "average",
        N_("The pooling of the network."),
        kind="choice",
        choices=POOLINGS,
        label=N_("Pooling"),
    )
    content_layers: LayerWeights = setting(
        (("conv3_2", 1.0),),
        N_("Layers of the content loss, with weights."),
        kind="layers",
        label=N_("Content layers"),
    )
    style_layers: LayerWeights = setting(
        tuple((f"conv{block}_1", 0.2) for block in range(1, 6)),
        N_("Layers of the style loss, with weights."),
        kind="layers",
        label=N_("Style layers"),
    )
    statistics: str = setting(
        "moments",
        N_(
            "The statistics of the features in which the painting is to match the styles: moments "
            "(means and covariances), or gram (Gram matrices, as in the paper)."
        ),
        kind="choice",
        choices=STATISTICS,
        label=N_("Statistics"),
    )
    grain: float = setting(
        1.0,
        N_(
            "How closely the finest texture is to match the styles': the differences between "
            "pixels up to four apart; 0 for not at all, as in the paper."
        ),
        kind="number",
        low=0.0,
        high=100.0,
        label=N_("Grain"),
    )
    smoothing: float = setting(
        0.0,
        N_("Weight of the squared total variation, which smooths grain; 100 shows clearly."),
        kind="number",
        low=0.0,
        high=1e6,
        label=N_("Smoothing"),
    )
    seed: int = setting(
        0,
        N_("Seed of the noise; the settings in every result name it."),
        kind="number",
        low=0,
        high=2**32 - 1,
        label=N_("Seed"),
    )
    uncut: bool = setting(
        False,
        N_("Also write the painting before the masks cut it out; with stitch one for each style."),
        kind="switch",
    )
    report: str = setting(
        "",
        N_(
            "A folder for a report on the run: loss curves, guidance, coverage, metrics, times and "
            "memory, to attach to a question."
        ),
        kind="folder",
        label="Report",
    )
    threads: int = setting(
        0,
        N_("Processor threads; 0 takes one per core."),
        kind="number",
        low=0,
        high=1024,
        label=N_("Threads"),
    )
    device: str = setting(
        "auto",
        N_("Where the network runs; auto takes a graphics card if one works."),
        kind="choice",
        choices=DEVICES,
        label=N_("Device"),
    )

    @property
    def covers_everything(self) -> bool:
        """Return whether it is sure, without a look at the masks, that a style is everywhere."""
        return not self.regions or any(region.mask in ("", REST) for region in self.regions)

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON types; `jobfile.job_from_dict` is the inverse."""
        return dataclasses.asdict(self)


def options(kind: type = Job) -> list[dataclasses.Field]:
    """Return the fields of `Job` or `Region` that are options, in the order of help."""
    return [each for each in dataclasses.fields(kind) if not each.metadata["positional"]]


def with_new_names(kind: type, given: dict[str, Any]) -> dict[str, Any]:
    """Return fields by today's names; `OLD_NAMES` lists those of version 0.1.0.

    Raises
    ------
    JobError
        If a field is there under both names.
    """
    new = OLD_NAMES[kind.__name__]
    for name in given:
        if name in new and new[name] in given:
            message = _("{old} is the old name of {name}; give only {name}.")
            raise JobError(message.format(old=name, name=new[name]))
    return {new.get(name, name): value for name, value in given.items()}
