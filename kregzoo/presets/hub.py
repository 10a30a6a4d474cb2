"""Presets on the Hugging Face Hub."""

import pathlib

from kregzoo.utils.extras import import_extra

SCHEME = "hf://"


def fetch(address, files):
    """Fetch a preset folder, or find it in huggingface_hub's cache.

    Args:
        address: str, `"hf://owner/name"`.
        files: tuple of the patterns of the files to fetch.

    Returns:
        The folder, a `pathlib.Path`.

    Raises:
        ValueError: when the hub cannot be reached, or has no such repository.
        ImportError: without huggingface_hub.
    """
    hub = _huggingface_hub()
    try:
        folder = hub.snapshot_download(_repository(address), allow_patterns=[*files])
    # What a client's transport raises differs from release to release.
    except Exception as error:
        raise _failure(address, error) from error
    return pathlib.Path(folder)


def push(folder, address, files):
    """Upload a preset folder; the repository is made if there is none.

    Args:
        folder: path.
        address: str, `"hf://owner/name"`.
        files: tuple of the patterns of the files to upload.

    Returns:
        The address of the commit, a str.

    Raises:
        ValueError: when the hub cannot be reached, or does not let the user write.
        ImportError: without huggingface_hub.
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
    # What a client's transport raises differs from release to release.
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
    return ValueError(f"The hub did not do it ({reason}). Received: {str(address)!r}")


def _huggingface_hub():
    return import_extra("huggingface_hub", "A preset on a hub", "hub")
