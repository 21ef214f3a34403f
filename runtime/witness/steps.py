"""What each step of the witness program computes, in exact integers.

One `Pass` runs the program over consecutive positions: all of them at once (the witness, the logits
of a text) or a few after others whose keys and values are cached (generation). A step's value is
computed by one function whoever asks; what it commits is handed to ``record`` where there is one.
Values are int64 arrays over the step's axes.

The semantics are the table in `runtime.circuit.program`. A value outside its range stops the pass with a
`RangeError` that names the module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

from ...errors import RangeError, UserError, ZklemmaError, expect
from ..circuit.function import EXAMPLE
from ..circuit.index import Index, Inputs
from ..circuit.index_maps import MAPS
from ..circuit.program import LIMB_BITS, Step
from ..circuit.relations import Circuit
from ..kernels.dots import dots
from ..kernels.rounding import rounded_shift
from ..kernels.softmax import exponentials

Axes = tuple[str, ...]
# (column name, layer or None, axes of the array, array)
Record = Callable[[str, int | None, Axes, np.ndarray], None]

Observe = Callable[[Step, int | None, np.ndarray], None]

INT64 = 1 << 63
CACHED = 1 << 23
"""The largest magnitude of keys and values."""


class Model:
    """What all passes share: the integer weights, and the tables arranged for computing."""

    def __init__(self, circuit: Circuit, params: Mapping[str, np.ndarray]) -> None:
        self.circuit = circuit
        self.params = params
        self.tables: dict[str, tuple[int, np.ndarray]] = {}

    def param(self, name: str, layer: int | None) -> tuple[np.ndarray, Axes]:
        """A weight (of one layer, if it has a layer axis) and its axes."""
        axes = self.circuit.column[name].axes
        array = self.params[name]
        return (array[layer], axes[1:]) if axes[:1] == ("layer",) else (array, axes)

    def matrix(self, name: str, layer: int | None, contracted: Axes) -> np.ndarray:
        """A weight as (outputs, contracted) matrix, outputs in the order of the weight's axes."""
        array, axes = self.param(name, layer)
        outputs = [axis for axis in axes if axis not in contracted]
        order = [axes.index(axis) for axis in (*outputs, *contracted)]
        inner = int(np.prod([array.shape[axes.index(axis)] for axis in contracted]))
        if self.magnitude(name) >= 1 << 23:
            raise ZklemmaError(f"weight {name}: products take 24 bits at most")
        narrow = np.can_cast(self.circuit.column[name].storage, np.int16)
        matrix = array.transpose(order).reshape(-1, inner)
        return matrix.astype(np.int16 if narrow else np.int32, copy=False)

    def magnitude(self, name: str) -> int:
        column = self.circuit.column[name]
        return max(abs(column.low), abs(column.high))

    def table(self, name: str) -> tuple[int, np.ndarray]:
        """(x0, y) of a table of rows (x, y, ...) with y[x - x0] its value at each x."""
        if name not in self.tables:
            rows = self.circuit.data[name]
            first, last = int(rows[:, 0].min()), int(rows[:, 0].max())
            values = np.zeros(last - first + 1, np.int64)
            values[rows[:, 0] - first] = rows[:, 1]
            self.tables[name] = first, values
        return self.tables[name]


@dataclass
class Pass:
    """One run over the positions [start, start + count) with token ids ``ids``.

    ``axes`` has the axes of each value, ``bits`` the width of each that is rounded.
    ``cache`` holds, for each step that attends, the keys or values of all positions so far,
    with room for ``capacity`` of them. ``chosen`` are the rows that ``select`` takes. ``targets``, where
    given, are the tokens that must come out, and then ``argmax`` records what it commits. A function has no
    positions: ``given`` are its inputs by name, ``results`` its outputs. ``remedy`` is what helps where a value is
    out of its range.
    """

    model: Model
    axes: Mapping[str, Axes]
    bits: Mapping[str, int]
    ids: np.ndarray
    chosen: slice
    start: int = 0
    capacity: int = 0
    cache: dict[tuple[str, int | None], np.ndarray] = field(default_factory=dict)
    targets: np.ndarray | None = None
    record: Record | None = None
    observe: Observe | None = None
    layer: int | None = None
    values: dict[str, np.ndarray] = field(default_factory=dict)
    given: Mapping[str, np.ndarray] = field(default_factory=dict)
    results: dict[str, np.ndarray] = field(default_factory=dict)
    remedy: str = (
        "compile with more headroom (--headroom 4), or calibrate on text like this "
        "(--calibration FILE)"
    )

    @property
    def stop(self) -> int:
        return self.start + len(self.ids)

    def run(self, step: Step) -> np.ndarray:
        """Compute a step's value and keep it under its name."""
        value = OPERATIONS[step.op](self, step)
        self.values[step.output] = value
        if self.observe:
            self.observe(step, self.layer, value)
        return value

    def inputs(self, step: Step) -> list[np.ndarray]:
        return [self.values[name] for name in step.inputs]

    def require(
        self,
        step: Step,
        what: str,
        value: np.ndarray,
        low: int,
        high: int,
        ends: tuple[int, int] | None = None,
    ) -> None:
        """Stop unless low <= value <= high everywhere; ``ends`` are its least and largest, if known."""
        least, most = ends or (int(value.min()), int(value.max()))
        if low <= least and most <= high:
            return
        seen, place = (most, value.argmax()) if most > high else (least, value.argmin())
        where = step.origin.replace("{layer}", str(self.layer))
        at = self.position(step, value, int(place))
        raise RangeError(
            f"{where}: the {what}{at} is {seen}, outside its calibrated range [{low}, {high}]; {self.remedy}"
        )

    def require_small(self, step: Step, what: str, value: np.ndarray, share: int) -> None:
        """Stop unless |value| times ``share`` is at most 2^62, so that 64 bits hold what it becomes."""
        largest = (INT64 >> 1) // max(1, share)
        self.require(step, what, value, -largest, largest)

    def position(self, step: Step, value: np.ndarray, place: int) -> str:
        """Which position of the sequence, or which example, an element is at, as far as its axes tell."""
        axes = step.axes if value.ndim == len(step.axes) else step.axes[: value.ndim]
        index = np.unravel_index(place, value.shape)
        if EXAMPLE in axes:
            return f" of example {int(index[axes.index(EXAMPLE)])}"
        if "token" not in axes:
            return ""
        return f" at position {self.start + int(index[axes.index('token')])}"

    def put(self, step: Step, role: str, array: np.ndarray, axes: Axes | None = None) -> None:
        if self.record and role in step.witness:
            (name,) = step.witness[role]
            self.record(name, self.layer, step.axes if axes is None else axes, array)

    def put_limbs(
        self, step: Step, role: str, number: np.ndarray, bits: int, axes: Axes | None = None
    ) -> None:
        """Record the limbs of an unsigned number of ``bits`` bits; the last one has what is left."""
        count = len(step.witness.get(role, ()))
        low, every = (1 << LIMB_BITS) - 1, (1 << bits) - 1
        limbs = (
            number >> i * LIMB_BITS & (low if i + 1 < count else every >> i * LIMB_BITS)
            for i in range(count)
        )
        self.put_all(step, role, limbs, axes)

    def put_all(
        self, step: Step, role: str, arrays: Iterable[np.ndarray], axes: Axes | None = None
    ) -> None:
        """Record an array for each of a role's columns."""
        if self.record:
            for name, array in zip(step.witness.get(role, ()), arrays, strict=True):
                self.record(name, self.layer, step.axes if axes is None else axes, array)


def peak(array: np.ndarray) -> int:
    """The largest magnitude."""
    return max(-int(array.min()), int(array.max()))


def product(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """x @ matrix.T, exact where it is below 2^63: x (..., rows, k), matrix (..., outputs, k) of what `dots`
    takes."""
    if x.ndim == 2:
        return dots(x, matrix)
    return np.stack([product(*pair) for pair in zip(x, matrix, strict=True)])


def requantize(
    run: Pass,
    step: Step,
    acc: np.ndarray,
    shift: int | None = None,
    axes: Axes | None = None,
) -> np.ndarray:
    """The rounded value, over the step's axes and by its shift or by others; it takes the place of ``acc``, but for
    one that is not contiguous."""
    shift, bits = attribute(step, "shift") if shift is None else shift, attribute(step, "bits")
    y = np.ascontiguousarray(acc)
    limbs, rests = (
        np.empty((len(step.witness.get(role, ())) if run.record else 0, y.size), np.uint32)
        for role in ("limbs", "rem")
    )
    found = rounded_shift(y.reshape(-1), shift, bits, limbs, rests)
    half = 1 << bits - 1
    run.require(step, "output", y, -half, half - 1, found)
    run.put(step, "y", y, axes)
    for role, arrays in ("limbs", limbs), ("rem", rests):
        run.put_all(step, role, (array.reshape(y.shape) for array in arrays), axes)
    return y


def take_input(run: Pass, step: Step) -> np.ndarray:
    name, circuit = str(step.attributes["tensor"]), run.model.circuit
    if name not in run.given:
        raise UserError(f"the input {name} is missing")
    x = run.given[name].astype(np.int64)
    sizes = tuple(circuit.axis[axis].size for axis in step.axes[1:])
    if not len(x) or x.shape[1:] != sizes:
        raise UserError(f"the input {name} is of another shape than examples of {sizes}")
    (held,) = step.witness["x"]
    column = circuit.column[held]
    run.require(step, f"input {name}", x, column.low, column.high)
    run.put(step, "x", x)
    return x


def give_output(run: Pass, step: Step) -> np.ndarray:
    (x,) = run.inputs(step)
    run.put(step, "x", x)
    run.results[str(step.attributes["tensor"])] = x
    return x


def prompt(run: Pass, step: Step) -> np.ndarray:
    if run.record:
        # Rows are chosen from the prompt's last position on.
        length = run.chosen.start + 1
        before = np.arange(run.start, run.stop) < length
        run.put(step, "ids", run.ids)
        run.put(step, "length", np.array(length), ())
        run.put(step, "before", before.astype(np.int64))
        run.put(step, "prompt", np.where(before, run.ids, 0))
    return run.ids


def embed(run: Pass, step: Step) -> np.ndarray:
    *given, name = step.inputs
    ids = run.values[given[0]] if given else run.ids
    table, _ = run.model.param(name, run.layer)
    rows = table[ids].astype(np.int64)
    run.put(step, "rows", rows)
    shift = attribute(step, "shift")
    return rows << shift if shift >= 0 else requantize(run, step, rows, -shift)


def positions(run: Pass, step: Step) -> np.ndarray:
    table, _ = run.model.param(step.inputs[0], run.layer)
    first = attribute(step, "offset")
    rows = table[first + run.start : first + run.stop].astype(np.int64)
    return rows << attribute(step, "shift")


def center(run: Pass, step: Step) -> np.ndarray:
    (x,), factor = run.inputs(step), attribute(step, "factor")
    rows = expect(step.attributes["rows"], tuple)
    others = tuple(place for place in range(x.ndim) if place not in rows)
    count = int(np.prod([x.shape[place] for place in others]))
    run.require_small(step, "input", x, count * factor)
    kept = tuple(step.axes[place] for place in rows)
    mean = requantize(run, step, x.sum(axis=others) * factor, axes=kept)
    return x - np.expand_dims(mean, others)


def rms_norm(run: Pass, step: Step) -> np.ndarray:
    gain, over = run.model.param(step.inputs[1], run.layer)
    rows = tuple(axis for axis in step.axes if axis not in over)
    order = [step.axes.index(axis) for axis in (*rows, *over)]
    x = run.values[step.inputs[0]].transpose(order)
    sizes = x.shape
    x, gain = x.reshape(*sizes[: len(rows)], -1), gain.reshape(-1)
    emin, emax = (attribute(step, name) for name in ("emin", "emax"))
    eps = per_layer(run, step, "eps")
    first, table = run.model.table(str(step.attributes["table"]))
    exact = np.einsum("...c,...c->...", x, x, dtype=np.float64)
    # What follows would not fit 64 bits.
    run.require(step, "sum of squares", exact, 0, INT64 >> 1)
    square = np.einsum("...c,...c->...", x, x) + eps
    e = (bit_length(square) - 15) // 2
    run.require(step, "exponent of the sum of squares", e, emin, emax)
    m = square >> 2 * e
    r = table[m - first]
    p2 = 1 << (emax - e)
    u = r * p2
    acc = x * u[..., None]
    run.require_small(step, "normalised input", acc, peak(gain))
    acc *= gain
    if len(step.inputs) > 2:
        bias, _ = run.model.param(step.inputs[2], run.layer)
        acc += bias.reshape(-1).astype(np.int64) << attribute(step, "bias_shift")
    if run.record:
        p4 = 1 << 2 * e
        pm = p4 * m
        for role, array in (("m", m), ("r", r), ("p2", p2), ("p4", p4), ("pm", pm), ("u", u)):
            run.put(step, role, array, rows)
        run.put_limbs(step, "remainder", square - pm, 2 * emax, rows)
        run.put_limbs(step, "slack", p4 - 1 - (square - pm), 2 * emax, rows)
    return requantize(run, step, acc.reshape(sizes).transpose(np.argsort(order)))


def bit_length(x: np.ndarray) -> np.ndarray:
    """Of positive int64; float64 rounds up to the next power of two where x is just below it."""
    bits = np.frexp(x.astype(np.float64))[1].astype(np.int64)
    return bits - ((x >> bits - 1) == 0)


def matmul(run: Pass, step: Step) -> np.ndarray:
    (name, weight, *bias), model = step.inputs, run.model
    x, axes = run.values[name], run.axes[name]
    contracted = tuple(axis for axis in axes if axis not in step.axes)
    matrix = model.matrix(weight, run.layer, contracted)
    kept = [axis for axis in axes if axis in step.axes]
    flat = x.transpose([axes.index(axis) for axis in (*kept, *contracted)])
    flat = flat.reshape(-1, matrix.shape[1])
    run.require_small(step, "input", x, matrix.shape[1] * model.magnitude(weight))
    result = product(flat, matrix)
    array, weight_axes = model.param(weight, run.layer)
    outputs = [axis for axis in weight_axes if axis not in contracted]
    sizes = [x.shape[axes.index(axis)] for axis in kept]
    sizes += [array.shape[weight_axes.index(axis)] for axis in outputs]
    order = [[*kept, *outputs].index(axis) for axis in step.axes]
    acc = result.reshape(sizes).transpose(order)
    if bias:
        added, over = model.param(bias[0], run.layer)
        shape = [added.shape[over.index(axis)] if axis in over else 1 for axis in step.axes]
        acc = acc + (added.astype(np.int64).reshape(shape) << attribute(step, "bias_shift"))
    return requantize(run, step, acc)


def conv2d(run: Pass, step: Step) -> np.ndarray:
    name, weight, *bias = step.inputs
    kernel, axes = run.model.param(weight, run.layer)
    x, taken = run.values[name], kernel.shape[1]
    share = int(np.prod(kernel.shape[1:])) * run.model.magnitude(weight)
    run.require_small(step, "input", x, share)
    moved = windows(x, kernel.shape[2:], numbers(step, "stride"), numbers(step, "padding"))
    examples, channels, down, right = moved.shape[:4]
    if taken == channels:
        rows = moved.transpose(0, 2, 3, 1, 4, 5).reshape(-1, int(np.prod(kernel.shape[1:])))
        matrix = run.model.matrix(weight, run.layer, axes[1:])
        acc = product(rows, matrix).reshape(examples, down, right, -1).transpose(0, 3, 1, 2)
    else:
        parts = moved.reshape(examples, -1, taken, *moved.shape[2:])
        of_group = kernel.astype(np.int64).reshape(parts.shape[1], -1, *kernel.shape[1:])
        acc = np.einsum("egcijab,gocab->egoij", parts, of_group)
        acc = acc.reshape(examples, -1, down, right)
    if bias:
        added, _ = run.model.param(bias[0], run.layer)
        acc = acc + (added.astype(np.int64) << attribute(step, "bias_shift"))[:, None, None]
    return requantize(run, step, acc)


def windows(
    x: np.ndarray, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> np.ndarray:
    """The windows of images: [examples, channels, rows, columns, kh, kw], a view; zeros beside the images."""
    padded = np.pad(x, ((0, 0), (0, 0), *((n, n) for n in padding)))
    views = np.lib.stride_tricks.sliding_window_view(padded, tuple(kernel), axis=(2, 3))
    return views[:, :, :: stride[0], :: stride[1]]


def sum_pool(run: Pass, step: Step) -> np.ndarray:
    (x,) = run.inputs(step)
    moved = windows(x, numbers(step, "kernel"), numbers(step, "stride"), (0, 0))
    run.require_small(step, "input", x, moved[0, 0, 0, 0].size * attribute(step, "factor"))
    return requantize(run, step, moved.sum(axis=(-2, -1)) * attribute(step, "factor"))


def max_pool(run: Pass, step: Step) -> np.ndarray:
    (best,), over = run.inputs(step), [*run.axes[step.inputs[0]]]
    window = zip(*(numbers(step, name) for name in ("kernel", "stride", "padding")), strict=True)
    for axis, (kernel, stride, padding) in enumerate(window, 2):
        size, over[axis] = best.shape[axis], step.axes[axis]
        places = range((size + 2 * padding - kernel) // stride + 1)
        taps = [Index("stride", "", (stride, tap - padding)) for tap in range(kernel)]
        first, *others = (
            MAPS["stride"].read(best, axis, tap, places, Inputs(), best.dtype)
            for tap in taps
            if any(0 <= stride * i + tap.table[1] < size for i in places)
        )
        largest = [*accumulate(others, np.maximum, initial=first)]
        run.put_all(step, "rows" if axis == 2 else "columns", largest[1:], tuple(over))
        best = largest[-1]
    return best


def image_positions(run: Pass, step: Step) -> np.ndarray:
    (x,) = run.inputs(step)
    y = x.reshape(*x.shape[:2], -1).swapaxes(1, 2)
    run.put(step, "y", y)
    return y


def add_positions(run: Pass, step: Step) -> np.ndarray:
    x, before = run.values[step.inputs[0]], attribute(step, "before")
    table, _ = run.model.param(step.inputs[1], run.layer)
    y = np.repeat(table.astype(np.int64)[None], len(x), axis=0)
    y[:, before : before + x.shape[1]] += x
    run.put(step, "y", y)
    return y


def position(run: Pass, step: Step) -> np.ndarray:
    (x,) = run.inputs(step)
    return x[:, attribute(step, "at")]


def sum_positions(run: Pass, step: Step) -> np.ndarray:
    (x,), factor = run.inputs(step), attribute(step, "factor")
    run.require_small(step, "input", x, x.shape[1] * factor)
    return requantize(run, step, x[:, attribute(step, "first") :].sum(axis=1) * factor)


def rotate_by_tables(run: Pass, step: Step) -> np.ndarray:
    x = run.values[step.inputs[0]]
    cos, sin = (run.model.param(name, None)[0].astype(np.int64) for name in step.inputs[1:])
    run.require_small(step, "input", x, peak(cos) + peak(sin))
    partners = expect(step.attributes["partners"], tuple)
    return requantize(run, step, x * cos + x[..., partners] * sin)


def rope(run: Pass, step: Step) -> np.ndarray:
    x = run.values[step.inputs[0]]
    kind = per_layer(run, step, "kinds")
    cos, sin = (
        run.model.circuit.data[name][kind, run.start : run.stop] for name in step.inputs[1:]
    )
    run.require_small(step, "input", x, peak(cos) + peak(sin))
    acc = x * cos
    in_part = "rotated" in step.attributes
    width = attribute(step, "rotated") if in_part else x.shape[-1]
    half = width // 2
    crossed = x[..., half:width] * sin[..., :half]
    (np.add if in_part else np.subtract)(acc[..., :half], crossed, out=acc[..., :half])
    acc[..., half:width] += x[..., :half] * sin[..., half:width]
    return requantize(run, step, acc)


def history(run: Pass, step: Step, x: np.ndarray) -> np.ndarray:
    """The step's last input x[kv, token, dim] appended to that of earlier positions; in 16 bits, if it was rounded
    to as many. Examples have no earlier positions, and their axis is one with that of heads."""
    run.require(step, "cached value", x, -CACHED, CACHED - 1)
    kind = np.int16 if run.bits.get(step.inputs[-1], 24) <= 16 else np.int32
    if EXAMPLE in step.axes:
        return x.reshape(-1, *x.shape[-2:]).astype(kind)
    key = step.output, run.layer
    if key not in run.cache:
        run.cache[key] = np.empty((x.shape[0], run.capacity, x.shape[2]), kind)
    kept = run.cache[key]
    kept[:, run.start : run.stop] = x
    return kept[:, : run.stop]


def scores(run: Pass, step: Step) -> np.ndarray:
    q, k = run.inputs(step)
    dim, keys = q.shape[-1], history(run, step, k)
    run.require_small(step, "query", q, dim * CACHED)
    acc = product(q.reshape(len(keys), -1, dim), keys)
    return requantize(run, step, acc.reshape(*q.shape[:-1], -1))


def softmax(run: Pass, step: Step) -> np.ndarray:
    (s,) = run.inputs(step)
    bits, k, width = (attribute(step, name) for name in ("bits", "k", "width"))
    window = per_layer(run, step, "windows")
    _, table = run.model.table(str(step.attributes["table"]))
    heads = s.reshape(-1, *s.shape[-2:])
    e, rows = exponentials(heads, run.start, window, table)
    e = e.reshape(s.shape)
    place, top, total = rows.reshape(3, *s.shape[:-1])
    # Times the largest value that is attended to, it fits 64 bits.
    run.require(step, "sum of exponentials", total, 1, min(1 << width, (INT64 >> 1) // CACHED))
    inverse = (1 << k) // total
    digits = k + 2 - int(table[0]).bit_length()
    run.require(step, "reciprocal", inverse, 0, (1 << digits) - 1)
    if run.record:
        axes = step.axes[:-1]
        select = np.zeros(s.shape, np.uint8)
        np.put_along_axis(select, place[..., None], 1, axis=-1)
        run.put(step, "e", e)
        run.put(step, "select", select)
        run.put_limbs(step, "top", top + (1 << bits - 1), bits, axes)
        run.put_limbs(step, "inv", inverse, digits, axes)
        remainder = (1 << k) - inverse * total
        run.put_limbs(step, "remainder", remainder, width, axes)
        run.put_limbs(step, "slack", total - 1 - remainder, width, axes)
    run.values[f"{step.output}.inv"] = inverse
    return e


def attend(run: Pass, step: Step) -> np.ndarray:
    e, inverse, v = run.inputs(step)
    values = history(run, step, v).swapaxes(-1, -2)
    mixed = product(e.reshape(len(values), -1, e.shape[-1]), values)
    acc = mixed.reshape(*e.shape[:-1], -1)
    run.require(step, "mixed value", np.abs(acc).max(-1) * inverse.astype(float), 0, INT64 >> 1)
    acc *= inverse[..., None]
    return requantize(run, step, acc)


def probabilities(run: Pass, step: Step) -> np.ndarray:
    e, inverse = run.inputs(step)
    return requantize(run, step, e * inverse[..., None])


def table(run: Pass, step: Step) -> np.ndarray:
    (x,) = run.inputs(step)
    first, values = run.model.table(str(step.attributes["table"]))
    y = values[x + (len(values) // 2 - first)]
    run.put(step, "y", y)
    return y


def mul(run: Pass, step: Step) -> np.ndarray:
    a, b = run.inputs(step)
    run.require_small(step, "factor", a, peak(b))
    return requantize(run, step, a * b) if "shift" in step.attributes else a * b


def add(run: Pass, step: Step) -> np.ndarray:
    a, b = run.inputs(step)
    return a + b


def rename(run: Pass, step: Step) -> np.ndarray:
    (x,) = run.inputs(step)
    return x


def select(run: Pass, step: Step) -> np.ndarray:
    (x,) = run.inputs(step)
    run.put(step, "rows", x[run.chosen])
    return x[run.chosen]


def argmax(run: Pass, step: Step) -> np.ndarray:
    """The tokens; the logits are left under the output's name + ".logits"."""
    (name, weight), model = step.inputs, run.model
    x = run.values[name]
    matrix = model.matrix(weight, run.layer, run.axes[name][-1:])
    run.require_small(step, "input", x, matrix.shape[1] * model.magnitude(weight))
    logits = product(x, matrix)
    run.values[f"{step.output}.logits"] = logits
    tokens = logits.argmax(-1)
    if run.targets is None:
        return tokens
    if (wrong := np.flatnonzero(tokens != run.targets)).size:
        i = int(wrong[0])
        raise ZklemmaError(
            f"generated token {i} is {run.targets[i]}, but the model says {tokens[i]}: "
            "only the model's own greedy output can be proved"
        )
    best = np.take_along_axis(logits, run.targets[:, None], -1)
    ahead = np.arange(logits.shape[-1]) - run.targets[:, None]
    behind, width = best - logits, attribute(step, "width")
    if "scale" in step.attributes:
        scale = attribute(step, "scale")
        # Else the product would not fit 64 bits.
        run.require(step, "gap between logits", behind, 0, (1 << width) // scale + 1)
        gap = scale * behind + ahead
    else:
        gap = behind - (ahead < 0)
    run.require(step, "gap between logits", gap, 0, (1 << width) - 1)
    table, (vocabulary, channel) = model.param(weight, run.layer)
    run.put(step, "ids", run.targets)
    run.put(step, "rows", table[run.targets], (*step.axes, channel))
    run.put(step, "best", best[:, 0])
    run.put_limbs(step, "limbs", gap, width, (*step.axes, vocabulary))
    return tokens


def per_layer(run: Pass, step: Step, name: str) -> int:
    """An attribute that lists a number for each layer, or one outside of layers."""
    return expect(step.attributes[name], tuple)[run.layer or 0]


def attribute(step: Step, name: str) -> int:
    return expect(step.attributes[name], int)


def numbers(step: Step, name: str) -> tuple[int, int]:
    """Of the rows and the columns of a window."""
    down, right = expect(step.attributes[name], tuple)
    return down, right


OPERATIONS: dict[str, Callable[[Pass, Step], np.ndarray]] = {
    "input": take_input,
    "output": give_output,
    "prompt": prompt,
    "embed": embed,
    "positions": positions,
    "center": center,
    "rms_norm": rms_norm,
    "matmul": matmul,
    "conv2d": conv2d,
    "sum_pool": sum_pool,
    "max_pool": max_pool,
    "image_positions": image_positions,
    "add_positions": add_positions,
    "position": position,
    "sum_positions": sum_positions,
    "rotate": rotate_by_tables,
    "rope": rope,
    "scores": scores,
    "softmax": softmax,
    "attend": attend,
    "probabilities": probabilities,
    "table": table,
    "mul": mul,
    "add": add,
    "rename": rename,
    "select": select,
    "argmax": argmax,
}


def axes_and_bits(steps: Iterable[Step]) -> tuple[dict[str, Axes], dict[str, int]]:
    """The axes of what steps give, and the bits of what they round. `ZklemmaError` for an operation that is not
    known."""
    axes: dict[str, Axes] = {}
    bits: dict[str, int] = {}
    for step in steps:
        if step.op not in OPERATIONS:
            raise ZklemmaError(f"{step.origin}: unknown operation {step.op}")
        axes[step.output] = step.axes
        if "shift" in step.attributes and "bits" in step.attributes:
            bits[step.output] = attribute(step, "bits")
        if step.op == "softmax":
            axes[f"{step.output}.inv"] = step.axes[:-1]
    return axes, bits
