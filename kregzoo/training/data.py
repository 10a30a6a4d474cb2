"""Strategies that build the datasets of a recipe.

Every strategy has a method `build(records, frame, scale, seed, folder)`, which returns
the training set and the validation set (or None for no validation set). The attribute
`grid` of the training set is the canonical `Grid`, which has the shape of the network
input. A strategy for networks that need an initial alignment also has an attribute
`alignment`, one of `kregzoo.registrars.alignment.ALIGNMENTS`.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable

import numpy as np

from kregzoo.registrars.alignment import affine_aligner, align, align_labels
from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.spatial import AffineTransform
from kregzoo.training.dataset import load_images, split_records
from kregzoo.training.pairs import PairDataset
from kregzoo.training.pose import Pose
from kregzoo.training.synthesis import SyntheticPairs
from kregzoo.utils.files import atomic

# File in the training folder that stores the affines, which take minutes to compute.
ALIGNMENT = "alignment.json"
MOST_VALIDATION_STEPS = 8


@dataclasses.dataclass(frozen=True)
class ImagePairs:
    """Build aligned, augmented pairs of images, contrasts or frames.

    Args:
        augmentation: `Pose` of both images of a pair.
        moving_augmentation: `Pose` applied to the moving image only.
        labels: bool. Return label maps as targets, if all records have them.
        both_directions: bool. If records are pairs, train on both directions.
        alignment: Initial alignment before the network, in training and in use:
            `"affine"`, `"centers"` (of the foregrounds) or `"none"`.
        align_by: None, or `"labels"` to pre-align training pairs by rigidly matching
            labels instead of by `alignment`.
        held_out: int. Number of records kept for validation, see
            `kregzoo.training.dataset.split_records`.
    """

    augmentation: Pose | None = None
    moving_augmentation: Pose | None = None
    labels: bool = False
    both_directions: bool = False
    alignment: str = "affine"
    align_by: str | None = None
    held_out: int = 2

    # Whether the affine of `moving_augmentation` is a target.
    affine_target = False

    def build(self, records, frame, scale, seed=0, folder=None):
        """Build the training set and the validation set.

        Args:
            records: list of records of `read_dataset`.
            frame: the `Preprocessor` of the network.
            scale: the `Scale`.
            seed: int.
            folder: folder to store the alignments in. None stores no alignments.

        Returns:
            Two `PairDataset`.

        Raises:
            ValueError: If there are too few records, or `align_by` is `"labels"` and
                the records have no labels.
        """
        records, kept_records = split_records(records, self.held_out)
        images, labels, pairs = load_images(records, frame)
        if self.align_by == "labels" and labels is None:
            raise ValueError(
                "`data` must have labels for all images, because the recipe aligns "
                "images by labels. Received: records without labels"
            )
        per_record = len(images) // len(records)
        transforms = _Alignments(
            self, frame, images, labels, pairs, per_record, folder
        ).find_all()
        labels = labels if self.labels else None
        kept = per_record * kept_records
        common = {
            "grid": frame.canonical_grid(images[0]),
            "affine_target": self.affine_target,
            "batch_size": scale.batch_size,
            "seed": seed,
        }
        train_pairs, held_pairs = self._split(pairs, kept)
        training_set = PairDataset(
            images[:kept],
            transforms[:kept],
            pairs=train_pairs,
            labels=labels and labels[:kept],
            augmentation=self.augmentation,
            moving_augmentation=self.moving_augmentation,
            **common,
        )
        validation_set = PairDataset(
            images[kept:],
            transforms[kept:],
            pairs=held_pairs,
            labels=labels and labels[kept:],
            # Without this augmentation, the target would always be the identity.
            moving_augmentation=self.moving_augmentation
            if self.affine_target
            else None,
            in_order=True,
            **common,
        )
        validation_set.steps_per_epoch = _validation_steps(validation_set)
        return training_set, validation_set

    def _split(self, pairs, kept):
        """Split pairs of indices into those of the kept images and the others."""
        if not pairs:
            return None, None
        train_pairs = [pair for pair in pairs if pair[0] < kept]
        # Indices of held-out pairs count from the first held-out image.
        held_pairs = [(m - kept, f - kept) for m, f in pairs if m >= kept]
        if self.both_directions:
            train_pairs = train_pairs + [pair[::-1] for pair in train_pairs]
        return train_pairs, held_pairs


@dataclasses.dataclass(frozen=True)
class KnownAffines(ImagePairs):
    """Build images under random affines, which the network predicts.

    A single image is paired with itself. Contrasts and the images of pairs are paired
    with each other. The affine of `moving_augmentation` is the target `"affine"`.
    """

    affine_target = True


@dataclasses.dataclass(frozen=True)
class SyntheticDeformations:
    """Build images under synthetic deformations, which the network predicts.

    Args:
        make_draw: callable of images `(N, *spatial, 1)` on the canonical grid that
            returns the argument `draw` of `SyntheticPairs`.
        augmentation: `Pose` of both images of a pair.
        alignment: See `ImagePairs`.
        held_out: int. Number of records kept for validation, see
            `kregzoo.training.dataset.split_records`.
    """

    make_draw: Callable
    augmentation: Pose | None = None
    alignment: str = "none"
    held_out: int = 2

    align_by = None
    affine_target = False

    def build(self, records, frame, scale, seed=0, folder=None):
        """Build two `SyntheticPairs`; see `ImagePairs.build`."""
        records, kept_records = split_records(records, self.held_out)
        images, labels, pairs = load_images(records, frame)
        per_record = len(images) // len(records)
        transforms = _Alignments(
            self, frame, images, labels, pairs, per_record, folder
        ).find_all()
        grid = frame.canonical_grid(images[0])
        on_grid = _on_grid(images, transforms, grid)
        kept = per_record * kept_records
        return tuple(
            SyntheticPairs(
                self.make_draw(part),
                grid,
                self.augmentation,
                batch_size=scale.batch_size,
                steps_per_epoch=steps,
                seed=seed,
            )
            for part, steps in ((on_grid[:kept], 1), (on_grid[kept:], 4))
        )


@dataclasses.dataclass(frozen=True)
class ImageViews:
    """Build observations of an agent from single images.

    Args:
        make_dataset: callable of normalized images, the stages, a batch size and a seed
            that returns a dataset, for example a `kregzoo.agents.OptimalQValues`.
        stages: tuple of `kregzoo.agents.observations.Stage` of the agent.
        held_out: int. Number of records kept for validation, see
            `kregzoo.training.dataset.split_records`.
    """

    make_dataset: Callable
    stages: tuple
    held_out: int = 1

    def build(self, records, frame, scale, seed=0, folder=None):
        """Build two datasets by `make_dataset`; see `ImagePairs.build`."""
        records, kept = split_records(records, self.held_out)
        images, _, _ = load_images(records, frame)
        return tuple(
            self.make_dataset(part, self.stages, scale.batch_size, seed)
            for part in (images[:kept], images[kept:])
        )


@dataclasses.dataclass(frozen=True)
class Environments:
    """Build the environment of an agent that learns by Q-learning.

    Args:
        make_environment: callable of normalized images and the stages that returns a
            `kregzoo.agents.environments.RegistrationEnvironment`.
        stages: tuple of `kregzoo.agents.observations.Stage` of the agent.
    """

    make_environment: Callable
    stages: tuple

    def build(self, records, frame, scale, seed=0, folder=None):
        """Build the environment, and None; see `ImagePairs.build`."""
        records, _ = split_records(records, 0)
        images, _, _ = load_images(records, frame)
        return self.make_environment(images, self.stages), None


def _validation_steps(dataset):
    """Count the steps that show each pair once, within bounds of time and noise."""
    steps = -(-len(dataset.pairs) // dataset.batch_size)
    return min(max(steps, 2), MOST_VALIDATION_STEPS)


def _on_grid(images, transforms, grid):
    """Resample images into the common world, `(N, *spatial, 1)`."""
    resampled = [
        image.resample(grid, AffineTransform(matrix)).array
        for image, matrix in zip(images, transforms, strict=True)
    ]
    return np.stack(resampled)[..., None]


class _Alignments:
    """Find affines from the world of the first image to the world of every image.

    Single images are aligned with the first image. If records are pairs, the moving
    image is aligned with the fixed image, and the fixed image is only centered on the
    first image. If an affine is the target, or if records are contrasts, all images of
    a record share one transform, because they must stay aligned to each other.
    """

    def __init__(self, data, frame, images, labels, pairs, per_record, folder):
        self.data, self.frame = data, frame
        self.images, self.labels = images, labels
        # Contrasts are listed in both directions, pairs in one direction.
        contrasts = bool(pairs) and pairs[0][::-1] in pairs
        self.shared = contrasts or (data.affine_target and data.align_by is None)
        self.to_fixed = {} if self.shared else dict(pairs or [])
        self.per_record = per_record
        self.path = folder and pathlib.Path(folder) / ALIGNMENT
        self.known = {}
        if self.path and self.path.exists():
            self.known = json.loads(self.path.read_text(encoding="utf-8"))

    def find_all(self):
        """Find the matrices of all images, reusing those in the file."""
        return [self._find(number) for number in range(len(self.images))]

    def _find(self, number):
        if self.shared:
            number -= number % self.per_record
        # Files in different folders may have the same name, so add the number.
        key = f"{number} {self.images[number].name}"
        if key not in self.known:
            self.known[key] = self._align(number).tolist()
            if self.path:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with atomic(self.path) as temporary:
                    temporary.write_text(json.dumps(self.known))
        return np.array(self.known[key])

    def _align(self, number):
        other = self.to_fixed.get(number, 0)
        pair = CanonicalPair(self.frame, self.images[number], self.images[other])
        paired = number in self.to_fixed
        if paired and self.data.align_by == "labels":
            aligned = align_labels(self.labels[number], self.labels[other])
            pair = pair.with_initial(aligned)
        elif paired or not self.to_fixed:
            pair = align(pair, self.data.alignment, affine_aligner(self.frame))
        matrix = pair.initial.matrix
        return matrix @ self._find(other) if paired else matrix
