"""Token-pooled classifier: classes read off a register and off every token."""

from __future__ import annotations

from torch import Tensor, nn

from trm_engine.models.heads.masking import MASKED_LOGIT, log_mean_exp
from trm_engine.models.heads.turn_recency import TurnRecency
from trm_engine.models.layers import linear
from trm_engine.models.layout import Context


class TokenPooledClassifier(nn.Module):
    """Logits of C classes from a register r and the tokens y_t of a conversation:

        logit = W_r r + b + log(1/L sum_t exp(W_t y_t + recency bias))

    A word that decides a class is recognised at its token long before a register has learnt to
    attend to it, so the pooled term shortens training.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.register = linear(width, classes, bias=True)
        self.tokens = linear(width, classes)
        self.recency = TurnRecency(classes, width)

    def forward(self, register: Tensor, tokens: Tensor, context: Context) -> Tensor:
        """register [B, D], tokens [G, L, D] to [B, C]."""
        logits = context.layout.for_samples(self.tokens(tokens).mT) + self.recency(context)
        logits = logits.where(context.token_mask[:, None], MASKED_LOGIT)  # (b c l)
        classes: Tensor = self.register(register) + log_mean_exp(logits, context.token_mask)
        return classes
