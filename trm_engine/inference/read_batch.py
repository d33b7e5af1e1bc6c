"""ReadBatch: encoded conversations, and the tools that they choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trm_engine.data.labels import Labels
from trm_engine.data.samples import Conversation
from trm_engine.data.tokenizer import Encoding
from trm_engine.inference.calibration import Calibration
from trm_engine.inference.readings import Readings, narrowed
from trm_engine.inference.token_texts import TokenTexts


@dataclass(frozen=True)
class Catalogue:
    """Tools with all that the model needs to answer about them.

    Attributes:
        labels: tools and arguments, with the model's slots.
        readings: what the model has read of them.
        calibration: the model's, for these arguments.
    """

    labels: Labels
    readings: Readings
    calibration: Calibration

    def narrowed(self, tools: Sequence[int]) -> Catalogue:
        """With these tools only."""
        labels, args = self.labels.narrowed(tools)
        indices = [np.array(each, np.int64) for each in (tools, args)]
        return Catalogue(labels, narrowed(self.readings, *indices), self.calibration.narrowed(args))


@dataclass(frozen=True)
class ReadBatch:
    """Encoded conversations.

    Attributes:
        catalogue: the tools on offer.
        conversations, encodings, texts: one each; texts are for spans.
        arrays: ``SEQUENCES`` and the mask of the tools on offer, padded.
    """

    catalogue: Catalogue
    conversations: Sequence[Conversation]
    encodings: list[Encoding]
    texts: list[TokenTexts]
    arrays: dict[str, np.ndarray]

    @property
    def labels(self) -> Labels:
        """Those of the catalogue."""
        return self.catalogue.labels

    def tool_name(self, row: int, tool: int) -> str:
        """The name of a tool: as a conversation that lists tools calls it, else its title."""
        offered = self.arrays["tool_mask"][row, tool] and self.conversations[row].tools
        return self.labels.name_of(tool) if offered else self.labels.tools[tool]

    def tools(self, row: int) -> dict[str, int]:
        """The tools by name (``tool_name``); where two have one name, the one on offer."""
        names = {self.tool_name(row, tool): tool for tool in range(len(self.labels.tools))}
        offered = self.arrays["tool_mask"][row].nonzero()[0].tolist()
        return names | {self.tool_name(row, tool): tool for tool in offered}

    def by_tool(self, row: int, probabilities: np.ndarray) -> dict[str, float]:
        """Probabilities [T] by the name of the tool."""
        pairs = enumerate(probabilities[: len(self.labels.tools)].tolist())
        return {self.tool_name(row, tool): each for tool, each in pairs}

    def new_tools(self, row: int, known: Labels) -> list[str]:
        """The tools of a conversation that are not among ``known`` labels."""
        functions = [tool.function for tool in self.conversations[row].tools]
        return [each.name for each in functions if not known.knows(each)]
