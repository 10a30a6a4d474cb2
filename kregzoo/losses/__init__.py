"""Losses: image similarities and regularizers. Lower is better.

Each call returns one value per sample, `(B,)`.
"""

from kregzoo.losses.action_values import ActionValueError
from kregzoo.losses.affine_distance import AffineDistance
from kregzoo.losses.anti_folding import AntiFolding
from kregzoo.losses.bending_energy import BendingEnergy
from kregzoo.losses.dice import Dice
from kregzoo.losses.end_point_error import EndPointError
from kregzoo.losses.gradient import Gradient
from kregzoo.losses.inverse_consistency import InverseConsistency
from kregzoo.losses.jacobian_folding import JacobianFolding
from kregzoo.losses.kl_divergence import KLDivergence
from kregzoo.losses.lncc import LNCC
from kregzoo.losses.mind_ssc import MINDSSC
from kregzoo.losses.mse import MSE
from kregzoo.losses.mutual_information import MI, NMI
from kregzoo.losses.ncc import NCC
from kregzoo.losses.ngf import NGF
from kregzoo.losses.normal_divergence import NormalDivergence
from kregzoo.losses.ssim import SSIM
from kregzoo.losses.tre_error import TREError
from kregzoo.losses.wasserstein import Wasserstein
from kregzoo.losses.weighted_sum import WeightedSum

__all__ = [
    "LNCC",
    "MI",
    "MINDSSC",
    "MSE",
    "NCC",
    "NGF",
    "NMI",
    "SSIM",
    "ActionValueError",
    "AffineDistance",
    "AntiFolding",
    "BendingEnergy",
    "Dice",
    "EndPointError",
    "Gradient",
    "InverseConsistency",
    "JacobianFolding",
    "KLDivergence",
    "NormalDivergence",
    "TREError",
    "Wasserstein",
    "WeightedSum",
]
