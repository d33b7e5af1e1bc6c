"""The training loss: the weighted sum of all terms, averaged over the supervision steps."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from trm_engine.config import ModelConfig
from trm_engine.models.heads import TRMOutput
from trm_engine.training.targets import Kind, Targets, ValueLabels
from trm_engine.training.terms import TERMS, Step, Term

TOTAL = "total_loss"
SIZES = [len(term.means) for term in TERMS]
NUM_COUNTS = sum(SIZES)


def count_labels(targets: Targets) -> Tensor:
    """How many labels each mean of each term is over, [NUM_COUNTS]."""
    counts = [count for term in TERMS for count in term.counts(targets)]
    device = targets.decision.device
    return torch.stack([torch.as_tensor(count, device=device) for count in counts]).float()


def num_samples(counts: Tensor) -> Tensor:
    """The number of samples among the counts: what the first term, the decision, is over."""
    return counts[0]


class DeepSupervisionLoss(nn.Module):
    """The weighted losses of a supervision step, averaged over all steps.

    With the specification's labels, total = decision + tool + 0.5 slot + 0.5 q. With labels of
    values, 0.5 slot_span + 0.5 arg are added. The weights are settings. ``terms`` lists all losses;
    each is a mean over its labels.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config

    def forward(
        self,
        outputs: Sequence[TRMOutput],
        decision_labels: Tensor,
        tool_name_labels: Tensor,
        slot_presence_labels: Tensor,
        values: ValueLabels | None = None,
    ) -> dict[str, Tensor]:
        """The losses by name, means over the outputs of all steps; labels [B], [B], [B, S].

        If data and model have different numbers of slots, the first ones that both have are learnt,
        with a warning.
        """
        presence = _known_slots(slot_presence_labels, outputs[0].slot_presence_logits.shape[1])
        targets = Targets(decision_labels, tool_name_labels, presence, values)
        counts = count_labels(targets)
        steps = [self.step(output, targets, counts) for output in outputs]
        return {name: torch.stack([step[name] for step in steps]).mean() for name in steps[0]}

    def names(self, kinds: Collection[Kind]) -> list[str]:
        """The names of the losses where there are these kinds of labels, the total's first."""
        return [TOTAL, *(term.name for term in TERMS if self._learns(term, kinds))]

    def step(
        self,
        output: TRMOutput,
        targets: Targets,
        counts: Tensor,
        word_logits: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The losses of one supervision step by name.

        ``counts`` [NUM_COUNTS] are those of the whole update, over every process and accumulated
        batch, so that the losses of its parts add up to the loss of the whole. ``word_logits``
        [K, vocabulary] are those of the K hidden words; without them no words are learnt.
        """
        kinds = targets.kinds if word_logits is not None else targets.kinds - {"words"}
        step = Step(self.config, output, targets, word_logits)
        losses: dict[str, Tensor] = {}
        sums: dict[str, Tensor] = {}  # terms with the same weight are added before it is applied
        by_term = counts.clamp(min=1).split(SIZES)
        for term, numbers in zip(TERMS, by_term, strict=True):
            if self._learns(term, kinds):
                losses[term.name] = loss = term.loss(step, numbers)
                sums[term.weight] = sums.get(term.weight, 0) + self._share(term) * loss
        weighted = [getattr(self.config, weight) * loss for weight, loss in sums.items()]
        return {**losses, TOTAL: torch.stack(weighted).sum()}

    def _learns(self, term: Term, kinds: Collection[Kind]) -> bool:
        return term.labels in kinds and self._share(term) != 0

    def _share(self, term: Term) -> float:
        return getattr(self.config, term.share) if term.share else 1.0


def _known_slots(presence: Tensor, num_slots: int) -> Tensor:
    given = presence.shape[1]
    if given != num_slots:
        warnings.warn(
            f"the data has {given} slots, the model {num_slots}: only the first "
            f"{min(given, num_slots)} are learnt; TRMConfig(num_slots={given}) learns them all",
            stacklevel=3,
        )
    return presence[:, :num_slots]
