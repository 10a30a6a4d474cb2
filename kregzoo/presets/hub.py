"""Presets on the Hugging Face Hub."""

import pathlib

from kregzoo.utils.extras import import_extra

SCHEME = "hf://"


def fetch(address, files):
    """Download a preset folder, or find it in the cache of huggingface_hub.

    Args:
        address: str, `"hf://owner/name"`.
        files: tuple of file name patterns to download.

    Returns:
        The folder, a `pathlib.Path`.

    Raises:
        ValueError: If the address is invalid, the hub cannot be reached, or the
            repository does not exist.
        ImportError: If huggingface_hub is not installed.
    """
    hub = _huggingface_hub()
    try:
        folder = hub.snapshot_download(_repository(address), allow_patterns=[*files])
    # The exceptions of the HTTP client differ between releases of huggingface_hub.
    except Exception as error:
        raise _failure(address, error) from error
    return pathlib.Path(folder)


def push(folder, address, files):
    """Upload a preset folder, and create the repository if it does not exist.

    Args:
        folder: path.
        address: str, `"hf://owner/name"`.
        files: tuple of file name patterns to upload.

    Returns:
        The URL of the commit, a str.

    Raises:
        ValueError: If the address is invalid, the hub cannot be reached, or the user
            has no write access.
        ImportError: If huggingface_hub is not installed.
    """
    api, repository = _huggingface_hub().HfApi(), _repository(address)
    try:
        api.create_repo(repository, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=[*files],
            commit_message=f"Upload the preset {pathlib.Path(folder).name}",
        )
    # The exceptions of the HTTP client differ between releases of huggingface_hub.
    except Exception as error:
        raise _failure(address, error) from error
    return str(commit.commit_url)


def _repository(address):
    scheme, _, repository = str(address).partition(SCHEME)
    if scheme or repository.count("/") != 1 or not all(repository.split("/")):
        raise ValueError(
            f'The address must be "{SCHEME}owner/name". Received: {str(address)!r}'
        )
    return repository


def _failure(address, error):
    reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
    return ValueError(f"The hub request failed: {reason}. Received: {str(address)!r}")


def _huggingface_hub():
    return import_extra("huggingface_hub", "A preset on a hub", "hub")
