"""Local means, variances and covariances without cancellation of digits.

The textbook formula `mean(x**2) - mean(x)**2` loses all digits in float32 where an
image is nearly constant and far from 0: variances are noise or negative. This module
merges the statistics of two neighboring windows (Chan, Golub and LeVeque, "Updating
Formulae and a Pairwise Algorithm for Computing Sample Variances", COMPSTAT 1982). A
merge uses only differences of means, so the variance of a constant window is exactly 0.
Each merge doubles the window, so the computation is as fast as a sum.
"""

from keras import ops

from kregzoo.ops.filters import box_sum

# Weight of a window below which all voxels count as masked.
NOTHING = 1e-6


def local_moments(fixed, warped, window, mask=None):
    """Compute means, variances and covariance in a box around each voxel.

    Without a mask, every box holds `window**D` voxels, and those outside the image
    count as zeros, as in VoxelMorph. A mask weights the voxels of each box.

    Args:
        fixed: tensor `(B, *spatial, C)`.
        warped: tensor of the same shape.
        window: odd int >= 3. Edge of the box in voxels.
        mask: weights `(B, *spatial, 1)`, not negative, or None.

    Returns:
        Tuple `(mean_fixed, mean_warped, variance_fixed, variance_warped, covariance)`
        of float32 tensors `(B, *spatial, C)`. Variances are never negative.

    Example:
        >>> flat = ops.full((1, 9, 9, 1), 1e6)
        >>> float(local_moments(flat, flat, 3)[2][0, 4, 4, 0])
        0.0
    """
    images = [ops.cast(image, "float32") for image in (fixed, warped)]
    if mask is not None:
        mask = ops.cast(mask, "float32")
        # Large masked values would cause rounding errors in the other voxels.
        images = [ops.where(mask > 0, image, 0.0) for image in images] + [mask]

    # Return one tensor, because backends pass several gradients in different ways.
    @ops.custom_gradient
    def run(fixed, warped, mask=None):
        shifts = [_mean(image, mask) for image in (fixed, warped)]
        moments = _central_moments(fixed, warped, window, mask, shifts)

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            shifted = fixed - shifts[0], warped - shifts[1]
            return _gradient(*shifted, window, mask, moments, upstream)

        f, w, *rest = moments
        outputs = [f + shifts[0], w + shifts[1], *rest]
        return ops.concatenate(outputs, axis=-1), gradient

    return tuple(ops.split(run(*images), 5, axis=-1))


def _mean(image, mask):
    """Compute the mean of each channel, `(B, 1, ..., 1, C)`."""
    axes = tuple(range(1, len(image.shape) - 1))
    if mask is None:
        return ops.mean(image, axes, keepdims=True)
    weight = ops.maximum(ops.sum(mask, axes, keepdims=True), NOTHING)
    return ops.sum(image * mask, axes, keepdims=True) / weight


def _central_moments(fixed, warped, window, mask, shifts):
    """Compute the five moments after subtracting shifts, which preserves digits."""
    none = ops.zeros_like(fixed)
    f, w = (x - s for x, s in zip((fixed, warped), shifts, strict=True))
    state = [1.0 if mask is None else mask, f, w, none, none, none]
    for axis in range(1, len(fixed.shape) - 1):
        state = _slide(_padded(state, axis, window // 2, shifts), axis, window)
    weight, f, w, ff, ww, fw = state
    weight = weight if mask is None else ops.maximum(weight, NOTHING)
    return f, w, ff / weight, ww / weight, fw / weight


def _padded(state, axis, width, shifts):
    """Pad both ends of an axis by zeros minus the shifts."""
    padding = [(0, 0)] * len(state[1].shape)
    padding[axis] = (width, width)
    weight, f, w, *sums = [
        x if isinstance(x, float) else ops.pad(x, padding) for x in state
    ]
    if isinstance(weight, float):
        # With a mask the padding has no weight, and its value does not matter.
        inside = ops.zeros((ops.shape(state[1])[axis],))
        outside = ops.pad(inside, [(width, width)], constant_values=1.0)
        outside = ops.reshape(
            outside, [-1 if i == axis else 1 for i in range(len(padding))]
        )
        f, w = f - outside * shifts[0], w - outside * shifts[1]
    return [weight, f, w, *sums]


def _slide(state, axis, window):
    """Merge the statistics of `window` successive voxels along an axis."""
    # Double windows of 1, 2, 4, ... voxels, and merge those of the bits of `window`.
    part, total, covered, length = state, None, 0, 1
    while True:
        if window & length:
            total = _merge(total, covered, part, length, axis) if covered else part
            covered += length
        if covered == window:
            return total
        part = _merge(part, length, part, length, axis)
        length *= 2


def _merge(first, length, second, other_length, axis):
    """Merge windows of `length` voxels with those of `other_length` that follow."""
    before = (slice(None),) * axis
    first, second = (
        [x if isinstance(x, float) else x[(*before, part)] for x in state]
        for state, part in (
            (first, slice(None, -other_length)),
            (second, slice(length, None)),
        )
    )
    weight, f, w, ff, ww, fw = first
    other_weight, f2, w2, ff2, ww2, fw2 = second
    total = weight + other_weight
    safe = total if isinstance(total, float) else ops.maximum(total, NOTHING**2)
    share = other_weight / safe
    factor = weight * share
    df, dw = f2 - f, w2 - w
    return [
        total,
        f + share * df,
        w + share * dw,
        ff + ff2 + factor * df * df,
        ww + ww2 + factor * dw * dw,
        fw + fw2 + factor * df * dw,
    ]


def _gradient(fixed, warped, window, mask, moments, upstream):
    """Compute the gradients of the images, and of the mask if there is one.

    Let m be the weights and n their sum. The derivative of `mean_f(x)` with respect to
    a voxel y in the box of x is `m(y) / n(x)`. The derivative of `variance_f(x)` is
    `2 m(y) (f(y) - mean_f(x)) / n(x)`, and so on. The gradients are therefore sums over
    boxes, too.
    """
    f, w, ff, ww, fw = moments
    gf, gw, gff, gww, gfw = ops.split(upstream, 5, axis=-1)
    parts = [gf - 2 * gff * f - gfw * w, gw - 2 * gww * w - gfw * f, gff, gww, gfw]
    if mask is None:
        weight = float(window ** (len(fixed.shape) - 2))
    else:
        weight = ops.maximum(box_sum(mask, window), NOTHING)
        rest = gff * (f * f - ff) + gww * (w * w - ww) + gfw * (f * w - fw)
        parts.append(rest - gf * f - gw * w)
    sums = box_sum(ops.concatenate(parts, axis=-1) / weight, window)
    of_f, of_w, of_ff, of_ww, of_fw, *of_rest = ops.split(sums, len(parts), axis=-1)
    gradient_f = of_f + 2 * fixed * of_ff + warped * of_fw
    gradient_w = of_w + 2 * warped * of_ww + fixed * of_fw
    if mask is None:
        return gradient_f, gradient_w
    in_mask = fixed * (of_f + fixed * of_ff) + warped * (of_w + warped * of_ww)
    in_mask = in_mask + fixed * warped * of_fw + of_rest[0]
    in_mask = ops.sum(in_mask, axis=-1, keepdims=True)
    return gradient_f * mask, gradient_w * mask, in_mask
