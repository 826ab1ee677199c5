"""`python -m models`: the command that checks the cached weights, or makes them from a file."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.argument_parser import Parser
from engine.translations import _
from models.weights_errors import DISK_FULL, NEEDS_H5PY, NOT_THERE, WeightsDiskFullError, speak


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    speak(_)
    parser = Parser(
        prog="python -m models", description=_("Make sure that the VGG-16 weights are there.")
    )
    parser.add_argument(
        "--cache", type=Path, required=True, metavar="FILE", help=_("where they are kept (.npz)")
    )
    parser.add_argument(
        "--work", type=Path, required=True, metavar="DIR", help=_("a folder for temporary files")
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help=_("a wheel, an ONNX file, a Keras .h5 or a .npz that has them"),
    )
    parser.add_argument("--called", metavar="NAME", help=_("how messages call that file"))
    options = parser.parse_args(arguments)
    try:
        from models.weights import H5pyMissingError, WeightsError, ensure_weights
    except ImportError as error:
        message = _("{reason}: run install.py again, which brings the packages")
        return _fail(message.format(reason=error))
    try:
        done = ensure_weights(
            options.cache.absolute(), options.weights, options.work.absolute(), options.called
        )
    except H5pyMissingError as error:
        return _fail(str(error), NEEDS_H5PY)
    except WeightsDiskFullError as error:
        return _fail(str(error), DISK_FULL)
    except WeightsError as error:
        return _fail(str(error), 1 if options.weights else NOT_THERE)
    except MemoryError:
        return _fail(_("There is not enough memory to read the weights"))
    print(done)
    return 0


def _fail(sentence: str, status: int = 1) -> int:
    print(_("{sentence}.").format(sentence=sentence), file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
