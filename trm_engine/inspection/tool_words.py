"""Tool words: which words of a tool and which of its listed values spoke for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from trm_engine.data.catalogue_tokens import NAME, CatalogueTokens
from trm_engine.data.labels import Labels
from trm_engine.data.samples import Conversation
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.inference.predictor import Predictor
from trm_engine.models.heads.common_words import VALUE
from trm_engine.models.heads.said_values import heard
from trm_engine.models.layout import Context
from trm_engine.runs.schema.answers import ToolWord
from trm_engine.vocabulary import WORD_START

OfText = Literal["name", "description"]

DIGITS = 7


@torch.inference_mode()
def tool_words(
    predictor: Predictor, conversation: Conversation, tool: int, steps: int | None = None
) -> list[ToolWord]:
    """How the logit of a tool on offer changes when one word of its text is hidden.

    ``effect`` is positive for a word that spoke for the tool. All words are hidden at once, each in
    a copy of the tool: the copies are read together, and the conversation's tokens are computed
    once. If the conversation has values that the tool's parameters list, the one that adds most
    to the tool's score comes last.
    """
    batch = predictor.read([conversation])
    model = predictor.model
    device = model.y_init.device
    catalogue = CatalogueTokens.of(batch.labels, predictor.tokenizer).to("cpu")
    words = _words(catalogue.ids[tool], catalogue.parts[tool], predictor.tokenizer)
    if not words:
        return []
    copies = torch.stack([_without(catalogue.ids[tool], places) for _, _, places in words])
    larger = _with_copies(catalogue, tool, copies)
    rows = len(words) + 1
    offered = torch.from_numpy(batch.arrays["tool_mask"][0]).bool().to(device)
    masks = torch.zeros(rows, larger.num_tools, dtype=torch.bool, device=device)
    masks[:, : len(offered)] = offered
    masks[1:, tool] = False
    masks[1:, len(offered) :] = torch.eye(len(words), dtype=torch.bool, device=device)
    inputs = {
        name: torch.from_numpy(batch.arrays[name]).expand(rows, -1).to(device)
        for name in ("input_ids", "attention_mask", "role_ids", "text_flags")
    }
    context = model.embedding(
        model.read(larger),
        **inputs,
        tool_mask=masks,
        read_from=torch.zeros(rows, dtype=torch.long, device=device),
    )
    output = list(model.supervision_steps(context, steps))[-1]
    logits = _logits(output.next_tool_logits, masks, tool, len(offered))
    effects = (logits[0] - logits[1:]).tolist()
    found = [
        ToolWord(text=text, part=part, effect=round(effect, DIGITS))
        for (text, part, _), effect in zip(words, effects, strict=True)
    ]
    return found + _listed_value(predictor, context, batch.labels, tool)


def _listed_value(
    predictor: Predictor, context: Context, labels: Labels, tool: int
) -> list[ToolWord]:
    """The listed value that adds most to the tool's score; none if none was said."""
    context = heard(context)
    assert context.said is not None
    _, fields, choices, _, _ = context.said
    args = torch.tensor(labels.parameters[tool], device=fields.device)
    own = torch.isin(fields, args + len(labels.slots)).nonzero()[:, 0]
    if not len(own):
        return []
    common_words = predictor.model.heads.common_words
    scores = common_words.value_scores(common_words.token_ages(context), context)
    best = own[scores[own].argmax()]
    values = labels.args[int(fields[best]) - len(labels.slots)].values
    effect = round(VALUE * float(scores[best]), DIGITS)
    return [ToolWord(text=values[int(choices[best])], part="value", effect=effect)]


def _words(
    ids: Tensor, parts: Tensor, tokenizer: TRMTokenizer
) -> list[tuple[str, OfText, list[int]]]:
    """The words of an entry: text, the part that they belong to, and their tokens' places."""
    words: list[tuple[OfText, list[int]]] = []
    for place in ids.nonzero()[:, 0].tolist():
        piece = tokenizer.piece(int(ids[place]))
        part: OfText = "name" if int(parts[place]) == NAME else "description"
        if words and words[-1][0] == part and not piece.startswith(WORD_START):
            words[-1][1].append(place)
        else:
            words.append((part, [place]))
    found = [
        (tokenizer.decode(ids[places].tolist()), *each) for each in words for places in each[1:]
    ]
    return [word for word in found if word[0]]


def _without(ids: Tensor, places: Sequence[int]) -> Tensor:
    hidden = ids.clone()
    hidden[list(places)] = 0
    return hidden


def _with_copies(catalogue: CatalogueTokens, tool: int, copies: Tensor) -> CatalogueTokens:
    """The catalogue with further tools that are ``tool`` with other tokens."""
    count, tools = len(copies), catalogue.num_tools

    def inserted(rows: Tensor, own: Tensor) -> Tensor:
        return torch.cat((rows[:tools], own, rows[tools:]))

    return replace(
        catalogue,
        ids=inserted(catalogue.ids, copies),
        parts=inserted(catalogue.parts, catalogue.parts[tool].expand(count, -1)),
        kinds=inserted(catalogue.kinds, catalogue.kinds[tool].expand(count)),
        types=inserted(catalogue.types, catalogue.types[tool].expand(count)),
        accepted=torch.cat((catalogue.accepted, catalogue.accepted[tool].expand(count, -1))),
        required=torch.cat((catalogue.required, catalogue.required[tool].expand(count, -1))),
    )


def _logits(logits: Tensor, masks: Tensor, tool: int, known: int) -> np.ndarray:
    """The log-odds of the tool in the first row, of its copy in each other row."""
    shares = logits.double().masked_fill(~masks, float("-inf")).log_softmax(dim=-1)
    places = [tool, *range(known, known + len(shares) - 1)]
    own = shares[torch.arange(len(shares)), places]
    odds: np.ndarray = (own - torch.log1p(-own.exp().clamp(max=1 - 1e-12))).cpu().numpy()
    return odds
