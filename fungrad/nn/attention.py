"""Scaled dot-product attention (Vaswani et al., 2017), with `jax.nn`'s signature."""

import math

import fungrad.numpy as fnp
from fungrad.core.errors import ShapeError
from fungrad.nn.activations import as_floats
from fungrad.nn.softmax import logsumexp, softmax


def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    *,
    scale=None,
    is_causal=False,
    query_seq_lengths=None,
    key_value_seq_lengths=None,
    local_window_size=None,
    implementation=None,
    return_residual=False,
):
    """softmax(scale * query @ key.T + bias) @ value, for each head of each sequence.

    Args:
        query: shape (batch, T, heads, features), or without the batch.
        key, value: shape (batch, S, kv_heads, features); `heads` is a multiple of `kv_heads`, and
            each of these serves as many neighbouring heads of the query.
        bias: added to the scores; broadcasts to (batch, heads, T, S).
        mask: booleans, True where attention is allowed; broadcasts likewise.
        scale: 1 / sqrt(features) by default.
        is_causal: whether position t sees positions up to t only.
        query_seq_lengths, key_value_seq_lengths: ints per sequence, what lies behind is left out.
        local_window_size: how many positions to the left and to the right are seen; an int for
            both, or a pair.
        implementation: accepted for JAX's sake and ignored.
        return_residual: whether the result is a pair with the logsumexp of the scores, of shape
            (batch, T, heads).

    Returns an array of the query's shape. Where nothing may be attended to, it is 0.

    >>> x = np.arange(12.0).reshape(3, 2, 2)
    >>> dot_product_attention(x, x, x, is_causal=True)[0]
    array([[0., 1.],
           [2., 3.]])
    """
    query, key, value = as_floats(query), as_floats(key), as_floats(value)
    if query.ndim == 3:
        parts = (fnp.expand_dims(x, 0) for x in (query, key, value))
    else:
        parts = (query, key, value)
    q, k, v = parts
    _require_fitting_shapes(query, key, value, q, k, v)
    allowed = _allowed(q, k, mask, is_causal, query_seq_lengths, key_value_seq_lengths)
    if local_window_size is not None:
        allowed = _both(allowed, _window(q.shape[1], k.shape[1], local_window_size))
    repeats = q.shape[2] // k.shape[2]
    if repeats != 1:
        k, v = fnp.repeat(k, repeats, axis=2), fnp.repeat(v, repeats, axis=2)
    scale = 1 / math.sqrt(q.shape[3]) if scale is None else scale
    scores = fnp.einsum("bthd,bshd->bhts", q, k) * scale
    if bias is not None:
        scores = scores + fnp.astype(as_floats(bias), scores.dtype)
    if allowed is not None:
        fnp.broadcast_to(allowed, scores.shape)  # an error where it does not fit
    weights = softmax(scores, where=allowed)
    attended = fnp.einsum("bhts,bshd->bthd", weights, v)
    attended = fnp.reshape(attended, (*query.shape[:-1], v.shape[-1]))
    if not return_residual:
        return attended
    residual = fnp.swapaxes(logsumexp(scores, axis=-1, where=allowed), 1, 2)
    return attended, fnp.reshape(residual, query.shape[:-1])


def _require_fitting_shapes(query, key, value, q, k, v):
    shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
    if not all(x.ndim == 4 for x in (q, k, v)):
        raise ShapeError(
            f"dot_product_attention: shapes are (batch, positions, heads, features), got {shapes}"
        )
    same = q.shape[0] == k.shape[0] == v.shape[0] and q.shape[3] == k.shape[3]
    if not (same and k.shape[1:3] == v.shape[1:3]):
        raise ShapeError(
            f"dot_product_attention: batch sizes, positions or features differ between {shapes}"
        )
    if not k.shape[2] or q.shape[2] % k.shape[2]:
        raise ShapeError(
            f"dot_product_attention: the heads of the query, {q.shape[2]}, are no multiple of the "
            f"heads of the key, {k.shape[2]}"
        )


def _allowed(q, k, mask, is_causal, query_lengths, key_lengths):
    """Where attention is allowed, broadcastable to (batch, heads, T, S); None for everywhere."""
    rows, columns = fnp.arange(q.shape[1])[:, None], fnp.arange(k.shape[1])[None, :]
    allowed = mask
    if is_causal:
        allowed = _both(allowed, columns <= rows)
    if query_lengths is not None:
        allowed = _both(allowed, rows < fnp.reshape(fnp.asarray(query_lengths), (-1, 1, 1, 1)))
    if key_lengths is not None:
        allowed = _both(allowed, columns < fnp.reshape(fnp.asarray(key_lengths), (-1, 1, 1, 1)))
    return allowed


def _window(rows, columns, size):
    left, right = size if isinstance(size, tuple) else (size, size)
    distance = fnp.arange(columns)[None, :] - fnp.arange(rows)[:, None]
    return (distance >= -left) & (distance <= right)


def _both(first, second):
    return second if first is None else fnp.logical_and(first, second)
