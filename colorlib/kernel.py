"""The kernel that runs notebooks: the Python that is running now, whatever Jupyter has registered.

Jupyter finds the kernel named in a notebook, `python3`, in the user's own folder too, where
another environment may have left one without colorlib.
"""

import os
import sys

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager


class ThisPython(AsyncKernelManager):
    """A kernel manager that starts `sys.executable`."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """How the kernel is started; pictures are shown in the notebook, whatever MPLBACKEND is."""
        launcher = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(
            # A kernel warns at each start that what it says over loopback is not encrypted.
            argv=[*launcher, "--log-level=ERROR"],
            display_name="Python 3",
            language="python",
            env={
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                # Threads that spin while they wait make a training ten times slower as soon as
                # another program wants one of the cores.
                "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive"),
            },
        )
