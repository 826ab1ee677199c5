"""A server that paints when a file asks for it, for the campaign, which kills the painters."""

from __future__ import annotations

import json
import time

import kit


def serve() -> None:
    """Answer requests until one is null."""
    request = kit.TMP / "request"
    style = kit.style_file()
    (kit.TMP / "ready").touch()
    while True:
        if not request.exists():
            time.sleep(0.02)
            continue
        iterations = json.loads(request.read_text())
        request.unlink()
        if iterations is None:
            return
        _answer(iterations, style)


def _answer(iterations: int, style: object) -> None:
    image = kit.new_image()
    layer = kit.add_layer(image, "Photo")
    before = kit.pixel(layer, 5, 6)
    status, _, message = kit.call(image, [layer], style=style, iterations=iterations, **kit.SHALLOW)
    answer = {
        "done": status == kit.Gimp.PDBStatusType.SUCCESS,
        "message": message,
        "layers": kit.names(image.get_layers()),
        "same": kit.pixel(layer, 5, 6) == before,
    }
    image.delete()
    written = kit.TMP / "answer.part"
    written.write_text(json.dumps(answer))
    written.rename(kit.TMP / "answer")
