"""colorlib table1 with a quicker float64 GELU (the same to 1e-15)."""
import math, sys, torch
import torch.nn.functional as F
plain = F.gelu
def gelu(x, approximate="none"):
    if x.dtype == torch.float64 and approximate == "none":
        return torch.erf(x * math.sqrt(0.5)).add_(1).mul_(x).mul_(0.5)
    return plain(x, approximate)
F.gelu = gelu
torch.nn.functional.gelu = gelu
if __name__ == "__main__":
    torch.set_num_threads(1)
    from colorlib.cli import main
    sys.argv[0] = "colorlib"
    sys.exit(main())
