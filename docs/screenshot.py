"""Take the screenshot of the app for the README: `python docs/screenshot.py`.

Needs Chromium on the PATH, and `pip install "kregzoo[test]"`.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from playwright.sync_api import sync_playwright

from kregzoo import demo

PORT = 7861
MINUTES = 5 * 60_000  # timeout in ms


def main():
    """Register the pair of the demonstration in the app and save a screenshot."""
    pair = demo.known_pair(*demo.read_anatomy())
    with tempfile.TemporaryDirectory() as folder:
        images = {}
        for role in ("moving", "fixed"):
            images[role] = pathlib.Path(folder, f"{role}.nii.gz")
            getattr(pair, role).write(images[role])
        command = [sys.executable, "-m", "kregzoo.cli", "app", "--no-browser"]
        server = subprocess.Popen(
            [*command, "--port", str(PORT)], stdout=subprocess.PIPE
        )
        try:
            server.stdout.readline()
            take(images, pathlib.Path(__file__).with_name("app.png"))
        finally:
            server.terminate()
            server.wait()


def take(images, path):
    """Register two image files in the page, and save a screenshot."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 945})
        page.goto(f"http://127.0.0.1:{PORT}")
        for role, image in images.items():
            page.set_input_files(f"#{role.capitalize()} input[type=file]", image)
        page.locator("#presets [value=voxelmorph_brain_t1]").check()
        page.get_by_role("button", name="Register").click()
        page.get_by_text("folded percent").wait_for(timeout=MINUTES)
        page.locator(".pending").first.wait_for(state="detached")
        page.mouse.move(0, 0)
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    main()
