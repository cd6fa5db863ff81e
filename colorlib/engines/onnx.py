"""ONNX Runtime: the fastest on a CPU, sub-layers truly skipped."""

import onnxruntime
import torch
from torch import Tensor

from colorlib.engines.skeleton import skeleton
from colorlib.engines.weights import graph_weights
from colorlib.vit import ColViT, Prediction

# Beyond, the products of one photo are too small to share out.
MOST_THREADS = 8


class OnnxEngine:
    """Runs a ColViT as a graph of ONNX Runtime, on the CPU.

    Made in a fraction of a second. The weights are those that the model has now: later changes
    to them do not count. `threads` None takes as many as PyTorch would, at most 8.

    Its numbers are those of `EagerEngine` but for rounding, 1e-6 or so. A logit as near to 0
    as that may have another sign here than there: the gate is then another, and the
    photo takes another path. Either is a right answer to eq. 7, and neither can be told
    to be the better one; with the gates of the other engine (`gates=`) the colours agree again.
    """

    approximate = False

    def __init__(self, model: ColViT, threads: int | None = None):
        self.model = model
        weights = graph_weights(model, self.approximate)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(torch.get_num_threads(), MOST_THREADS)
        # Between two calls the threads sleep: the colours are computed by others.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # Without it, processors that lack 8-bit dot products would overflow 16 bits.
        options.add_session_config_entry("session.x64quantprecision", "1")
        # The runtime reads from these as long as it lives.
        self._values = [onnxruntime.OrtValue.ortvalue_from_numpy(w) for w in weights.values()]
        options.add_external_initializers(list(weights), self._values)
        self._session = onnxruntime.InferenceSession(
            skeleton(model.config, weights), options, providers=["CPUExecutionProvider"]
        )
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def __call__(
        self,
        x: Tensor,
        budget: float | Tensor | None = None,
        gates: Tensor | None = None,
    ) -> Prediction:
        """X [B, 4, S, S] (`hints.network_input`) -> Prediction, gates bool; a photo at a time.

        `budget` (0 to 1) is for models made with one, `gates` bool [depth, 2] or
        [B, depth, 2] overrules the decisions. Raises ConfigError for what does not fit.
        """
        forced = self.model.checked_gates(x, gates)
        shares = self.model.checked_budget(budget, x)
        push = self._push(len(x), forced)
        ab = torch.empty(len(x), 2, *x.shape[2:])
        ran, logits = torch.empty(push.shape, dtype=torch.bool), torch.empty(push.shape)
        for index, photo in enumerate(x.detach().float().cpu()):
            feed = {"x": photo[None].numpy(), "push": push[index].numpy()}
            if shares is not None:
                feed["budget"] = shares[index, None].cpu().numpy()
            answer = dict(zip(self._outputs, self._session.run(None, feed), strict=True))
            for name, into in {"ab": ab, "gates": ran, "logits": logits}.items():
                if name in answer:
                    into[index] = torch.from_numpy(answer[name]).view(into.shape[1:])
        decided = self.model.policy and forced is None
        return Prediction(ab, ran, logits if decided else None)

    def _push(self, batch: int, forced: Tensor | None) -> Tensor:
        """What is added to the logits [batch, depth, 2]: 0, or infinity where all is decided."""
        shape = (batch, *self.model.fixed_gates.shape)
        if forced is None and self.model.policy:
            return torch.zeros(shape)
        keep = self.model.fixed_gates.cpu() if forced is None else forced > 0.5
        return torch.where(keep.expand(shape), torch.inf, -torch.inf)


class ApproximateEngine(OnnxEngine):
    """As `OnnxEngine`, faster, but not exact: the large products are of 8-bit integers.

    The linear maps of attention and FFN are multiplied in 8 bits, their inputs rounded anew
    for each photo; embedding, decisions and head stay in float32. The tokens that the
    decisions read have been through 8 bits, so a few of the gates may be others. Over the
    gallery at 10 hints the mean PSNR of the shipped networks changes by less than 0.01 dB,
    that of the worst photo falls by 0.1 dB, and all gates are the same.
    """

    approximate = True
