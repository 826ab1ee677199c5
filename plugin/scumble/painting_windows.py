"""The filter with windows: the question about an interrupted run, the dialog, the live window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import adviser_process
import arguments
import dialog
import earlier_results
import engine_process
import gimp_run
import icons
import initial_settings
import interrupted_runs
import interrupted_window
import placing
import progress_window
import run_requests
import setup_window
import sources
import target_row
import thumbnails
from fingerprint import Fingerprint
from gi.repository import Gimp, GimpUi

from engine.engine_location import EngineLocation
from engine.translations import _

SIDE = 420
"""The longest side of the photograph in the dialog, in pixels."""


def ask_and_paint(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    image: Gimp.Image,
    targets: list[earlier_results.Target],
    asked: adviser_process.Adviser | None = None,
) -> list[Gimp.Layer] | None:
    """Show the dialog, then paint and show the growing picture.

    Parameters
    ----------
    procedure : Gimp.Procedure
    config : Gimp.ProcedureConfig
    image : Gimp.Image
    targets : list of Target
        The layers to paint.
    asked : Adviser, optional
        The engine that the dialog asks, if it has been started; it is closed with the dialog.

    Returns
    -------
    list of Gimp.Layer or None
        The new layers; none if the painting went into a file; None if the user cancelled.
    """
    interrupted = None
    try:
        _init()
        location = _find_engine()  # before the user fills in the dialog
        if location is None:
            return None
        first = targets[0]
        if len(targets) == 1:
            interrupted = interrupted_runs.find(
                location, lambda: Fingerprint.of(first.content).digest()
            )
        if interrupted is not None:
            answer = interrupted_window.ask(interrupted, first.content.get_name())
            if answer == interrupted_window.Answer.CANCEL:
                return None
            if answer == interrupted_window.Answer.DISCARD:
                interrupted_runs.forget(location, interrupted.name)
            if answer != interrupted_window.Answer.RESUME:
                interrupted = None
        if interrupted is None:
            asked = asked or adviser_process.Adviser(location)
            requests = _ask(procedure, config, image, targets, asked)
        else:
            requests = [run_requests.of_interrupted(image, first, interrupted)]
    finally:
        if asked is not None:
            asked.close()
    if not requests:
        return None
    layers = _paint(requests, interrupted)
    if layers is not None and interrupted is None and image.is_valid():
        # GIMP keeps the settings now, but not those of a closed image.
        initial_settings.forget()
    return layers


def _ask(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    image: Gimp.Image,
    targets: list[earlier_results.Target],
    asked: adviser_process.Adviser,
) -> list[run_requests.Request]:
    """Show the dialog; return what to paint, nothing if the user cancelled."""
    first = targets[0]
    chosen = first.chosen
    with_result = initial_settings.latest_target(image, first)
    others = tuple(target.content.get_id() for target in targets[1:])
    available = with_result.sources(image, others)
    initial_settings.start_from(config, available, with_result, again=first.result is not None)
    small = thumbnails.Thumbnails(image, first.content, SIDE)
    row = target_row.TargetRow([with_result, *targets[1:]])
    shown = dialog.Dialog(procedure, config, available, small, asked, row)
    agreed = shown.run()
    goes_on, replaces = row.goes_on, row.replaces
    shown.destroy()
    if not agreed:
        return []
    options = arguments.read(config)
    text = config.get_property("regions")
    initial_settings.keep(chosen, arguments.to_text(options, text, ""))
    regions = sources.regions_from_json(text)
    return [
        run_requests.Request(image, each.content, options, regions, each.result, goes_on, replaces)
        for each in (with_result, *targets[1:])
    ]


def repeat(
    config: Gimp.ProcedureConfig, image: Gimp.Image, targets: list[earlier_results.Target]
) -> list[Gimp.Layer] | None:
    """Paint with the last settings and show the growing picture, as `ask_and_paint` does."""
    _init()
    if _find_engine() is None:
        return None
    return _paint(run_requests.quiet_requests(config, image, targets))


def _init() -> None:
    """Prepare Gtk; every window has the plug-in's icon."""
    GimpUi.init("scumble")
    icons.use_in_windows()


def _find_engine() -> EngineLocation | None:
    """Return where the engine is, after setting it up if need be; None if the user cancelled."""
    try:
        return engine_process.read_location(gimp_run.HERE)
    except engine_process.NotSetUpError as missing:
        return setup_window.set_up(missing)


def _paint(
    requests: list[run_requests.Request],
    interrupted: interrupted_runs.Interrupted | None = None,
) -> list[Gimp.Layer] | None:
    """Paint in the live window until it is closed."""
    window = progress_window.ProgressWindow(requests[0].content, requests[0].image.get_name())
    try:
        delivery = _paint_in(window, requests, interrupted)
        if delivery is None:
            return None
        layers = delivery.layers
        _show(window, delivery)
        while window.wait_for_more():
            requests = run_requests.for_more(requests, layers)
            if not requests:
                window.add_note(_("The painting is no longer in the image, so it cannot continue."))
                continue
            try:
                delivery = _paint_in(window, requests)
            except (*run_requests.MISTAKES, engine_process.EngineError) as error:
                window.show_failure(str(error))
                continue
            if delivery is None:
                window.show_unchanged()
                continue
            layers = delivery.layers
            _show(window, delivery)
    finally:
        window.destroy()
    return layers


def _paint_in(
    window: progress_window.ProgressWindow,
    requests: list[run_requests.Request],
    interrupted: interrupted_runs.Interrupted | None = None,
) -> placing.Delivery | None:
    """Paint every layer of the queue; return None if the user discarded it."""
    window.start(requests)

    def paint(request: run_requests.Request) -> placing.Finished | None:
        window.next_layer(request)
        if window.ends:
            return None
        with _running(request, window, interrupted) as run:
            if window.ends:
                return None
            done = window.follow(run)
            if done is None:
                run.engine.forget()
                return None
            return run.build(done, window.on_progress)

    finished, failures = gimp_run.paint_each(requests, paint)
    if window.cancelled or not finished:
        for each in finished:
            if each.built is not None:
                each.built.delete()
            each.forget_state()
        return None
    delivery = placing.deliver(finished, window.on_progress)
    delivery.notes.extend(failures)
    Gimp.progress_end()
    return delivery


@contextmanager
def _running(
    request: run_requests.Request,
    window: progress_window.ProgressWindow,
    interrupted: interrupted_runs.Interrupted | None,
) -> Iterator[gimp_run.GimpRun]:
    run = gimp_run.GimpRun(request, window.on_progress, interrupted)
    try:
        yield run
    finally:
        run.engine.close(window.refresh)


def _show(window: progress_window.ProgressWindow, delivery: placing.Delivery) -> None:
    # First the display: GIMP 3.0 shows no message if the last image was closed meanwhile.
    for image in delivery.aside:
        Gimp.Display.new(image)
    for note in delivery.notes:
        Gimp.message(sources.valid_unicode(note))
    window.show_done(delivery)
