"""The page in a browser."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest

from kregzoo.app import server
from kregzoo.spatial import Image, as_image, read_transform
from tests.phantoms import Phantom, mean_error, rotated_grid, wave

PRESET = "dirnet_cardiac_cine"
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


@contextlib.contextmanager
def served(scratch, largest=server.LARGEST):
    """Run the app with a folder and a limit on file sizes; yield its address."""
    code = (
        "from kregzoo import cli; from kregzoo.app import server; "
        f"server.LARGEST = {largest!r}; cli.main()"
    )
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
    """Open a page in a browser; yield it and the requested addresses."""
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
