"""Affine transforms of voxel coordinates about the center of the grid.

An affine is a tensor `[A | t]`, `(B, D, D + 1)`, in voxels, `ij` order. It maps
`x -> A (x - c) + t + c`, where `c = (n - 1) / 2` is the center of the grid. Products
are computed as sums, because a GPU may round matrix products to 10 bits, which is an
error of a tenth of a voxel at 200 voxels.
"""

from keras import ops


def affine_grid(affine, shape):
    """Map every voxel of a grid by an affine.

    Args:
        affine: tensor `(B, D, D + 1)` in voxels, about the center of the grid.
        shape: D ints, the spatial shape of the grid.

    Returns:
        float32 tensor `(B, *shape, D)` of voxel coordinates, as `sample` takes them.

    Raises:
        ValueError: If the affine is not `(B, D, D + 1)` for the D axes of `shape`.

    Example:
        >>> grid = affine_grid(affine_matrix([[1.0, 0, 0, 0, 0, 0]]), (4, 4))
        >>> ops.convert_to_numpy(grid)[0, 2, 3].tolist()
        [3.0, 3.0]
    """
    linear, translation = _split(affine, len(shape))
    center = ops.cast(ops.stack(list(shape)) - 1, "float32") / 2
    return _map_grid(linear, translation + center, shape)


def affine_to_displacement(affine, shape):
    """Sample an affine as a displacement field.

    Args:
        affine: tensor `(B, D, D + 1)` in voxels, about the center of the grid.
        shape: D ints, the spatial shape of the grid.

    Returns:
        float32 tensor `(B, *shape, D)`, `A (x - c) + t + c - x` in voxels.

    Raises:
        ValueError: If the affine is not `(B, D, D + 1)` for the D axes of `shape`.

    Example:
        >>> field = affine_to_displacement(rigid_matrix([[2.0, 1.0, 0.0]]), (4, 4))
        >>> ops.convert_to_numpy(field)[0, 3, 0].tolist()
        [2.0, 1.0]
    """
    linear, translation = _split(affine, len(shape))
    return _map_grid(linear - ops.eye(len(shape), dtype="float32"), translation, shape)


def rigid_matrix(parameters):
    """Build rigid transforms from translations and rotation angles.

    In 2-D a positive angle turns axis 0 towards axis 1. In 3-D the matrix is
    `R0(a) R1(b) R2(c)`, where `Rk` turns axis `k + 1` towards axis `k + 2`, cyclically.

    Args:
        parameters: tensor `(B, 3)` or `(B, 6)`: D translations in voxels, then 1
            (2-D) or 3 (3-D) angles in radians. Zeros give the identity.

    Returns:
        float32 tensor `(B, D, D + 1)`.

    Raises:
        ValueError: If the number of parameters is neither 3 nor 6.

    Example:
        >>> matrix = rigid_matrix([[5.0, 0.0, 3.14159265 / 2]])
        >>> ops.convert_to_numpy(matrix)[0].round(3) + 0.0
        array([[ 0., -1.,  5.],
               [ 1.,  0.,  0.]], dtype=float32)
    """
    parameters, ndim = _parameters(parameters, {3: 2, 6: 3})
    return _assemble(_rotation(parameters[:, ndim:]), parameters[:, :ndim])


def affine_matrix(parameters):
    """Build affine transforms from translations, rotations, log-scales and shears.

    The linear part is `R H S`: scales `S = diag(exp(s))`, then unit upper triangular
    shears `H`, then the rotation `R` of `rigid_matrix`. Every affine with a positive
    determinant has this form.

    Args:
        parameters: tensor `(B, 6)` or `(B, 12)`: D translations in voxels; 1 or 3
            angles in radians; D log-scales; 1 or 3 shears, which are the entries
            above the diagonal of `H`, row by row. Zeros give the identity.

    Returns:
        float32 tensor `(B, D, D + 1)`.

    Raises:
        ValueError: If the number of parameters is neither 6 nor 12.

    Example:
        >>> matrix = affine_matrix([[0.0, 0.0, 0.0, 0.0, 0.0, 0.5]])
        >>> ops.convert_to_numpy(matrix)[0]
        array([[1. , 0.5, 0. ],
               [0. , 1. , 0. ]], dtype=float32)
    """
    parameters, ndim = _parameters(parameters, {6: 2, 12: 3})
    angles = 1 if ndim == 2 else 3
    rotation = _rotation(parameters[:, ndim : ndim + angles])
    scale = ops.exp(parameters[:, ndim + angles : 2 * ndim + angles])
    shear = _shear(parameters[:, 2 * ndim + angles :])
    linear = _product(rotation, shear) * ops.expand_dims(scale, 1)
    return _assemble(linear, parameters[:, :ndim])


def compose_affine(outer, inner):
    """Compose two affines to one that applies `inner`, then `outer`.

    Args:
        outer: tensor `(B, D, D + 1)`.
        inner: tensor `(B, D, D + 1)`.

    Returns:
        float32 tensor `(B, D, D + 1)`.

    Raises:
        ValueError: If an argument is not `(B, D, D + 1)`.

    Example:
        >>> step = rigid_matrix([[1.0, 0.0, 0.0]])
        >>> float(compose_affine(step, step)[0, 0, 2])
        2.0
    """
    outer, outer_shift = _split(outer)
    inner, inner_shift = _split(inner)
    shift = _product(outer, ops.expand_dims(inner_shift, -1))[..., 0] + outer_shift
    return _assemble(_product(outer, inner), shift)


def invert_affine(affine):
    """Invert affines.

    Args:
        affine: tensor `(B, D, D + 1)` of invertible transforms.

    Returns:
        float32 tensor `(B, D, D + 1)`.

    Raises:
        ValueError: If the affine is not `(B, D, D + 1)`.

    Example:
        >>> float(invert_affine(rigid_matrix([[1.0, 0.0, 0.0]]))[0, 0, 2])
        -1.0
    """
    linear, translation = _split(affine)
    inverse = ops.inv(linear)
    return _assemble(inverse, -_product(inverse, translation[..., None])[..., 0])


def _map_grid(linear, offset, shape):
    """Compute `linear (x - c) + offset` for every voxel `x`, axis by axis."""
    ndim = len(shape)
    mapped = ops.reshape(offset, (-1,) + (1,) * ndim + (ndim,))
    for axis, size in enumerate(shape):
        ramp = ops.cast(ops.arange(size), "float32")
        ramp = ramp - ops.cast(size - 1, "float32") / 2
        column = linear[:, None, :, axis] * ops.reshape(ramp, (1, -1, 1))
        ones = (1,) * ndim
        place = (-1, *ones[:axis], size, *ones[axis + 1 :], ndim)
        mapped = mapped + ops.reshape(column, place)
    return mapped


def _rotation(angles):
    """Build rotation matrices `(B, D, D)` from `(B, 1)` or `(B, 3)` angles."""
    cos, sin = ops.cos(angles), ops.sin(angles)
    zero, one = ops.zeros_like(cos[:, 0]), ops.ones_like(cos[:, 0])
    if angles.shape[-1] == 1:
        return _matrix([[cos[:, 0], -sin[:, 0]], [sin[:, 0], cos[:, 0]]])
    (c0, c1, c2), (s0, s1, s2) = ops.unstack(cos, axis=1), ops.unstack(sin, axis=1)
    first = _matrix([[one, zero, zero], [zero, c0, -s0], [zero, s0, c0]])
    second = _matrix([[c1, zero, s1], [zero, one, zero], [-s1, zero, c1]])
    third = _matrix([[c2, -s2, zero], [s2, c2, zero], [zero, zero, one]])
    return _product(_product(first, second), third)


def _shear(shears):
    """Build unit upper triangular matrices `(B, D, D)` from shears."""
    shears = ops.unstack(shears, axis=1)
    zero, one = ops.zeros_like(shears[0]), ops.ones_like(shears[0])
    if len(shears) == 1:
        return _matrix([[one, shears[0]], [zero, one]])
    h01, h02, h12 = shears
    return _matrix([[one, h01, h02], [zero, one, h12], [zero, zero, one]])


def _matrix(rows):
    """Stack rows of `(B,)` entries to matrices `(B, D, D)`."""
    return ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)


def _product(a, b):
    """Multiply matrices `(B, I, J)` and `(B, J, K)` in full float32 precision."""
    return ops.sum(ops.expand_dims(a, -1) * ops.expand_dims(b, -3), axis=-2)


def _assemble(linear, translation):
    return ops.concatenate([linear, ops.expand_dims(translation, -1)], axis=-1)


def _split(affine, ndim=None):
    """Return the linear part `(B, D, D)` and the translation `(B, D)` in float32."""
    affine = ops.cast(affine, "float32")
    rows, columns = affine.shape[-2:]
    if len(affine.shape) != 3 or columns != rows + 1 or ndim not in (None, rows):
        raise ValueError(
            f"The affine must have shape (B, D, D + 1), where D={ndim or '2 or 3'} is "
            f"the number of spatial axes. Received: shape {tuple(affine.shape)}"
        )
    return affine[..., :-1], affine[..., -1]


def _parameters(parameters, dimensions):
    """Return the parameters in float32 and the number of axes."""
    parameters = ops.cast(parameters, "float32")
    if len(parameters.shape) != 2 or parameters.shape[-1] not in dimensions:
        raise ValueError(
            f"`parameters` must have shape (B, n) with n in {list(dimensions)}, for "
            f"2-D and 3-D. Received: shape {tuple(parameters.shape)}"
        )
    return parameters, dimensions[parameters.shape[-1]]
