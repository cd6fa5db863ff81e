"""The interactive panel: click a hint, see the colour.

`state` (what a user did), `saving` (hints as JSON, the same in Python) and `pages` (answers, values
and pictures of a state) need no user interface; `panel` has HintPanel, the widget.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"panel": ["HintPanel"]})
