"""The app's functions on their own, and the page in a browser."""

import base64
import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import image as mpl_image

from kregzoo import app, cli
from kregzoo.presets.preset import installed_presets
from kregzoo.registrars.registration import Registration
from kregzoo.report import Scene
from kregzoo.spatial import AffineTransform, Image, as_image, read_transform
from tests.phantoms import Phantom, mean_error, rotated_grid, wave

PRESET = "dirnet_cardiac_cine"
RAMP = Image.from_array(np.arange(80.0).reshape(10, 8))
WAIT = 60_000  # ms, on a busy machine
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Still:
    """Stands for a network: moves nothing."""

    def register(self, moving, fixed, refine, progress):
        pair = as_image(moving, "moving"), as_image(fixed, "fixed")
        return Registration(*pair, AffineTransform(np.eye(3)), {"total": refine})


@pytest.fixture
def still(monkeypatch):
    monkeypatch.setattr(app, "_registrar", lambda preset: Still())


@pytest.fixture
def image(tmp_path):
    """The path of an image file, in a folder of its own."""
    (tmp_path / "given").mkdir()
    RAMP.write(tmp_path / "given" / "ramp.mha")
    return tmp_path / "given" / "ramp.mha"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept"


def test_cards_tell_of_every_preset():
    cards = app.cards()
    assert [card["name"] for card in cards] == list(installed_presets())
    for card in cards:
        assert all(card.values())
        kind, _, content = card["picture"].partition(",")
        assert kind == "data:image/png;base64"
        assert mpl_image.imread(io.BytesIO(base64.b64decode(content))).ndim == 3


def test_a_picture_of_the_work_comes_before_one_of_the_training(tmp_path):
    assert app.picture(tmp_path) == ""
    for name in ("training", "work"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
        assert app.picture(tmp_path) == app.embedded(name.encode())


def test_what_is_registered_is_kept_until_forgotten(image, folder, still):
    stages = []
    outcome = app.register(
        PRESET, str(image), str(image), 7.0, folder, lambda *told: stages.append(told)
    )
    assert outcome.registration.metrics["seconds"]["total"] == 7
    assert all(
        path.parent.parent == folder and path.is_file() for path in outcome.paths
    )
    shares = [share for share, _ in stages]
    assert shares == sorted(shares) and 0 <= shares[0] and shares[-1] <= 1
    app.forget(outcome)
    app.forget(None)
    assert not any(folder.iterdir())


def test_what_fails_leaves_nothing(image, folder, still, monkeypatch):
    def save(self, directory):
        (app.pathlib.Path(directory) / "half").touch()
        raise OSError("No space left on device")

    monkeypatch.setattr(Registration, "save", save)
    with pytest.raises(OSError, match="No space"):
        app.register(PRESET, str(image), str(image), 0, folder)
    assert not any(folder.iterdir())


@pytest.mark.parametrize(
    "preset, moving, fixed, words",
    [
        (PRESET, None, "ramp", "two images"),
        (PRESET, "ramp", None, "two images"),
        (None, "ramp", "ramp", "preset"),
        ("/etc", "ramp", "ramp", "preset"),
    ],
)
def test_what_is_missing_is_said(preset, moving, fixed, words, image, folder):
    paths = [name and str(image) for name in (moving, fixed)]
    with pytest.raises(ValueError, match=words):
        app.register(preset, *paths, 0, folder)


@pytest.mark.parametrize("suffix", app.SUFFIXES)
def test_whole_files_are_accepted(suffix, tmp_path):
    Image(RAMP.array.astype("uint8"), RAMP.grid).write(tmp_path / f"image{suffix}")
    app.check_file(tmp_path / f"image{suffix}")


@pytest.mark.parametrize(
    "name, content",
    [
        ("notes.txt", b"text"),
        ("image.mhd", b"ElementDataFile = LOCAL\n"),
        ("image.nii", b""),
        ("image.mha", b"NDims = 2\nElementDataFile = /etc/passwd\n"),
        ("image.mha", b"NDims = 2\nElementDataFile=LOCALS\n"),
        ("image.mha", b"NDims = 2\nElementDataFile\0 = /etc/passwd\n"),
        ("image.nrrd", b"NRRD0004\ndimension: 2\ndata file: ../secret\n"),
        ("image.nrrd", b"NRRD0004\ndimension: 2\ndatafile: LIST\n"),
    ],
)
def test_other_files_are_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"Received: {name}"):
        app.check_file(tmp_path / name)


def test_words_name_files_as_the_user_does():
    error = ValueError("`moving` is <b>bad</b>. Received: path='/tmp/x/a b.nii'")
    text = app.in_words(error, "/tmp/x/a b.nii", None)
    assert text == "`moving` is &lt;b&gt;bad&lt;/b&gt;. Received: path='a b.nii'"


@pytest.mark.parametrize("kind", [app.FADE, *app.KINDS])
def test_views_are_cut_where_the_slices_say(kind):
    rng = np.random.default_rng(0)
    volume = Image.from_array(rng.uniform(size=(9, 10, 11)))
    other = Image(rng.uniform(size=(9, 10, 11)), volume.grid)
    field = rng.normal(size=(9, 10, 11, 3)).astype("float32")
    scene = Scene(volume, other, other, field)
    views = {app.stage(scene, kind, voxel) for voxel in ((4, 5, 6), (4, 5, 7))}
    assert len(views) == 2
    assert all(view.count("<img") == (2 if kind == app.FADE else 1) for view in views)


def test_gradio_is_asked_for(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "elsewhere")
    assert cli.main(["app", "--no-browser"]) == 2
    assert 'pip install "kregzoo[app]"' in capsys.readouterr().err


def test_a_port_in_use_is_named(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["app", "--no-browser", "--port", str(port)]) == 2
    assert f"127.0.0.1:{port}" in (said := capsys.readouterr().err) and "--port" in said


@contextlib.contextmanager
def served(scratch, largest=app.LARGEST):
    """The address of a running app that writes into a folder, of files so large."""
    code = f"from kregzoo import app, cli; app.LARGEST = {largest!r}; cli.main()"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            code,
            "app",
            "--no-browser",
            "--port",
            str(port),
        ],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert f"127.0.0.1:{port}" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@contextlib.contextmanager
def browsed(url):
    """A page of a browser, and the addresses that it asked for."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS
        )
        page = browser.new_page()
        page.set_default_timeout(WAIT)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        yield page, asked
        browser.close()


def downloaded(page, name, path):
    with page.expect_download() as found:
        page.get_by_text(f"Download {name}").click()
    found.value.save_as(path)
    return path


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_registers_and_explains(tmp_path):
    from playwright.sync_api import expect

    phantom, truth = Phantom(2, radius=42.0), wave(2, amplitude=4.0, length=90.0)
    grid = rotated_grid((60, 60), 2.0, 8.0)
    phantom.image(grid).write(tmp_path / "Moving.nii.gz")
    fixed = phantom.image(grid, truth)
    fixed.write(tmp_path / "Fixed.nii.gz")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with served(scratch) as url, browsed(url) as (page, asked):
        for role in ("Moving", "Fixed"):
            files = page.locator(f"#{role} input[type=file]")
            files.set_input_files(tmp_path / f"{role}.nii.gz")
        page.locator(f"#presets [value={PRESET}]").check()
        page.get_by_role("button", name="Register").click()
        expect(page.locator("#metrics")).to_contain_text("ncc before")

        page.locator("#fade input[type=range]").fill("80")
        expect(page.locator("#view .warped")).to_have_css("opacity", "0.8")
        page.get_by_label("Deformation").check()
        expect(page.locator("#view img.grid")).to_be_visible()

        path = downloaded(page, "transform (ITK)", tmp_path / "transform.h5")
        points = phantom.landmarks()
        before = np.linalg.norm(truth(points) - points, axis=1).mean()
        assert mean_error(read_transform(path), truth, points) < before
        path = downloaded(page, "warped image", tmp_path / "warped.nii.gz")
        assert as_image(path).grid == fixed.grid
        path = downloaded(page, "report", tmp_path / "report.html")
        assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")

        page.locator("#Moving").get_by_label("Clear").click()
        broken = tmp_path / "broken.nii.gz"
        broken.write_bytes((tmp_path / "Moving.nii.gz").read_bytes()[:400])
        page.locator("#Moving input[type=file]").set_input_files(broken)
        page.get_by_role("button", name="Register").click()
        expect(page.get_by_text("could not be read as an image")).to_be_visible()
        assert "Received: path='broken.nii.gz'" in page.content()
        assert "Traceback" not in page.content()
        assert len(list(scratch.rglob("transform.h5"))) == 1
        assert asked and all(address.startswith((url, "data:")) for address in asked)
    assert not any(scratch.iterdir())


@pytest.mark.slow
@pytest.mark.browser
def test_a_volume_is_refined_and_seen_slice_by_slice(tmp_path):
    from playwright.sync_api import expect

    phantom = Phantom(3, radius=65.0, count=80)
    grid = rotated_grid((60, 60, 60), 3.0, 8.0)
    phantom.image(grid).write(tmp_path / "Moving.nii.gz")
    truth = wave(3, amplitude=4.0, length=140.0)
    phantom.image(grid, truth).write(tmp_path / "Fixed.nii.gz")
    (tmp_path / "scratch").mkdir()
    with served(tmp_path / "scratch") as url, browsed(url) as (page, _):
        for role in ("Moving", "Fixed"):
            files = page.locator(f"#{role} input[type=file]")
            files.set_input_files(tmp_path / f"{role}.nii.gz")
        page.locator("#presets [value=voxelmorph_brain_t1]").check()
        page.get_by_label("range slider for Refinement steps").fill("10")
        page.get_by_role("button", name="Register").click()
        expect(page.locator("#metrics")).to_contain_text("refine")
        warped = page.locator("#view .warped")
        for plane in ("Axial", "Coronal", "Sagittal"):
            seen = warped.get_attribute("src")
            page.get_by_label(f"range slider for {plane} slice").fill("20")
            expect(warped).not_to_have_attribute("src", seen)


@pytest.mark.slow
@pytest.mark.browser
def test_a_file_over_the_limit_is_refused(tmp_path):
    from playwright.sync_api import expect

    image = tmp_path / "large.nii"
    Image.from_array(np.zeros((64, 64, 64), "float32")).write(image)
    (tmp_path / "scratch").mkdir()
    limit = served(tmp_path / "scratch", largest="100kb")
    with limit as url, browsed(url) as (page, _):
        page.locator("#Moving input[type=file]").set_input_files(image)
        expect(page.get_by_text("maximum allowed size")).to_be_visible()
    assert not any((tmp_path / "scratch").rglob("large.nii"))
