"""TorchModel: a checkpoint's model on PyTorch, with numpy arrays as its border."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from trm_engine.checkpoints.contents import check_finite, check_weights
from trm_engine.checkpoints.parts import Checkpoint
from trm_engine.checkpoints.values import InvalidContents
from trm_engine.config import TRMConfig
from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.data.encoding import INPUTS
from trm_engine.errors import CheckpointError
from trm_engine.inference.decoding import Logits, as_array
from trm_engine.inference.readings import Readings
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.training.device import choose_device


class TorchModel:
    """The model with a checkpoint's weights, in fp32: a prediction does not depend on others in
    its batch.

    Args:
        checkpoint: from ``load_checkpoint``.
        config: the model's sizes.
        device: "auto", "cpu", "cuda", ...
        raw: use the raw weights instead of their moving average.
        threads: of the processor, for all of torch in this process; None leaves them as they are.

    Raises:
        CheckpointError: the weights do not match the configuration.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        config: TRMConfig,
        device: str,
        raw: bool,
        threads: int | None = None,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        weights = checkpoint["model_state_dict"]
        if checkpoint.get("ema_state_dict") and not raw:
            weights = {**weights, **checkpoint["ema_state_dict"]["shadow"]}
        try:
            check_weights(weights, config)
            check_finite(weights)
        except InvalidContents as error:
            raise CheckpointError(f"the checkpoint's weights do not fit: {error}") from None
        self.model = TRMForToolCalling(config)
        self.model.load_state_dict(weights)
        self.device = choose_device(device)
        self.model.to(self.device).eval()

    @torch.inference_mode()
    def read(self, catalogue: CatalogueTokens) -> Readings:
        """Read a catalogue."""
        read = self.model.read(catalogue)
        return Readings._make([*map(as_array, read[:-1]), catalogue])

    @torch.inference_mode()
    def steps(
        self, readings: Readings, batch: Mapping[str, np.ndarray], steps: int
    ) -> Iterator[Logits]:
        """The logits of steps 1, 2, ... for conversations, given as ``INPUTS``."""
        read = Readings._make(
            [*map(self._tensor, readings[:-1]), readings.catalogue.to(self.device)]
        )
        tensors = {name: self._tensor(batch[name]) for name in INPUTS}
        context = self.model.embedding(read, **tensors)
        for output in self.model.supervision_steps(context, steps):
            yield Logits.of(output)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(self.device)
