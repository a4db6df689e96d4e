"""How effects are put into words: in points of attainment, with a sign."""


def points(share: float) -> str:
    """An attainment share in points.

    >>> points(0.034), points(-0.1204)
    ('+3.4 points', '-12.0 points')
    """
    return f"{100 * share:+.1f} points"


def interval(low: float, high: float) -> str:
    """Both ends in points.

    >>> interval(-0.012, 0.08)
    '-1.2 to +8.0'
    """
    return f"{100 * low:+.1f} to {100 * high:+.1f}"


def several(count: int, one: str) -> str:
    """A count with its noun.

    >>> several(1, "rep"), several(2, "rep")
    ('1 rep', '2 reps')
    """
    return f"{count} {one}" if count == 1 else f"{count} {one}s"
