"""Heads: what is read off y, one idea a file; ``heads`` puts them together."""

from trm_engine.models.heads.heads import Q_BIAS, Heads
from trm_engine.models.heads.masking import MASKED_LOGIT
from trm_engine.models.heads.output import TRMOutput

__all__ = ["MASKED_LOGIT", "Q_BIAS", "Heads", "TRMOutput"]
