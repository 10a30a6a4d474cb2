"""Serve the page until it is interrupted.

All files lie in one temporary folder, which is removed when the app ends.
"""

import os
import signal
import socket
import tempfile

from kregzoo.app.page import build, require_gradio
from kregzoo.app.templates import CSS

LARGEST = "512mb"


def serve(host="127.0.0.1", port=7860, browser=True):
    """Serve the page until it is interrupted.

    Args:
        host: str. Address to listen on.
        port: int. Port to listen on.
        browser: bool. Open the page in the browser.

    Raises:
        ValueError: If the port is in use, or the address is not of this machine.
        ImportError: If gradio is not installed.
    """
    require_port(host, port)
    with tempfile.TemporaryDirectory(prefix="kregzoo-") as folder:
        # Gradio reads this when it is imported; its default folder outlives the app.
        os.environ["GRADIO_TEMP_DIR"] = folder
        gradio = require_gradio()
        # Clean up when a service manager stops the app, as after Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        page = build(folder)
        page.launch(
            server_name=host,
            server_port=port,
            inbrowser=browser,
            max_file_size=LARGEST,
            css=CSS,
            theme=gradio.themes.Base(
                primary_hue="orange",
                neutral_hue="slate",
                font=("system-ui", "sans-serif"),
                font_mono=("ui-monospace", "monospace"),
            ),
            share=False,
            ssr_mode=False,
            footer_links=[],
            quiet=True,
            prevent_thread_lock=True,
        )
        print(f"Serving {page.local_url} until Ctrl-C", flush=True)
        page.block_thread()


def require_port(host, port):
    """Check that the app can listen.

    Args:
        host: str. Address to listen on.
        port: int. Port to listen on.

    Raises:
        ValueError: If the port is in use, or the address is not of this machine.
    """
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        # Python appends the address, which the message below repeats.
        reason = error.strerror.partition(" (while")[0]
        raise ValueError(
            f"The app cannot listen there ({reason}): choose another --port, "
            f"or an address of this machine as --host. Received: {host}:{port}"
        ) from error
