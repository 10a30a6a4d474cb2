"""A page in the browser that registers two images: `kregzoo app`."""

from kregzoo.app.server import serve

__all__ = ["serve"]
