"""What the notebooks show and check: a file a notebook, `n01` to `n09`; `style`, and `grading`."""

from colorlib.course.grading import check

__all__ = ["check"]
