"""Models: the Tiny Recursive Model and its exponential moving average."""

from trm_engine.config import TRMConfig
from trm_engine.models.ema import EMA
from trm_engine.models.heads import TRMOutput
from trm_engine.models.trm import TRMForToolCalling

__all__ = ["EMA", "TRMConfig", "TRMForToolCalling", "TRMOutput"]
