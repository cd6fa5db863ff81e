"""The interactive panel: click a hint, see the colour.

`state` (what a user did, without a user interface), `saving` (hints as JSON, the code cell) and
`painting` (pictures of a state) need no widget; `panel` has HintPanel, the widget.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colorlib.panel.panel import HintPanel

__all__ = ["HintPanel"]


def __getattr__(name: str) -> Any:
    # Only who wants the widget needs ipywidgets.
    if name == "HintPanel":
        from colorlib.panel.panel import HintPanel

        return HintPanel
    raise AttributeError(f"module 'colorlib.panel' has no attribute {name!r}")
